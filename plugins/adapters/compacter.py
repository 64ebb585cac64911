"""Compacter: a bottleneck adapter of parameterised hypercomplex multiplications (Mahabadi et al. 2021, section 4).

The nonlinearity and the start values are VL-Adapter's (section 3.2).
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import gelu

from multigraft import Adapter, OptionError, Part, Site, SiteCall
from multigraft.init import normal, zeros
from multigraft.ops import Operand, linear, map, phm  # noqa: A004
from multigraft.plugins.adapters.options import CompacterOptions
from multigraft.plugins.adapters.starting import glorot

_HALVES = ("down", "up")


class Compacter(Adapter):
    """Serial, with tanh-GELU, biases and a skip of its own.

    With `n` the hypercomplex division and `b` the bottleneck, `2 d b / n + b + d` numbers a site of width `d` and two
    rules of `n^3`; with factors of rank `r`, `2 r (d + b) + b + d` and the rules. A rule of rank `s` has `2 s n^2`.
    """

    grouped = True

    def __init__(self, options: CompacterOptions) -> None:
        self.options = options

    def parts(self, site: Site) -> Sequence[Part]:
        """For `down` and `up`: the rule (n, n, n), the factors (n, width_in / n, width_out / n) and the bias.

        Factors of a rank are `left` (n, width_in / n, rank) and `right` (n, rank, width_out / n), and a rule of a rank
        `rule.left` (n, n, rank) and `rule.right` (n, rank, n).

        Raises:
            OptionError: n does not divide both widths.
        """
        outer, inner = site.width_out, self.bottleneck_width(site)
        self._check(site, inner)
        return tuple(self._parts(outer, inner))

    def prepared(self, site: Site, parts: Mapping[str, Operand]) -> dict[str, Operand]:
        """The weights and biases of two linear layers."""
        made = {f"{half}.bias": parts[f"{half}.bias"] for half in _HALVES}
        for half in _HALVES:
            rule = self._rule(half)
            weight = phm(_whole(rule, rule, parts), _whole(f"{half}.factors", half, parts))
            made[f"{half}.weight"] = map(torch.t, weight)
        return made

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width)` to the same; `parts` are prepared."""
        hidden = gelu(linear(call.output, parts["down.weight"], parts["down.bias"]), approximate="tanh")
        return call.output + linear(hidden, parts["up.weight"], parts["up.bias"])

    def bottleneck_width(self, site: Site) -> int:
        """Width of the bottleneck at a site; from a reduction, n at least."""
        return self.options.bottleneck(site.width_out, least=self.options.hypercomplex_division)

    def _parts(self, outer: int, inner: int) -> Iterator[Part]:
        n = self.options.hypercomplex_division
        for rule in dict.fromkeys(self._rule(half) for half in _HALVES):
            for name, shape in _shapes((n, n, n), self.options.rule_rank, rule, rule).items():
                yield Part(name, shape, normal(0.01), scope="model" if self.options.shared_rule else "site")
        for half, (rows, columns) in zip(_HALVES, ((outer, inner), (inner, outer)), strict=True):
            factors = _shapes((n, rows // n, columns // n), self.options.rank, f"{half}.factors", half)
            for name, shape in factors.items():
                yield Part(name, shape, glorot(*shape[1:]))
            yield Part(f"{half}.bias", (columns,), zeros)

    def _rule(self, half: str) -> str:
        return "rule" if self.options.shared_rule else f"{half}.rule"

    def _check(self, site: Site, inner: int) -> None:
        n = self.options.hypercomplex_division
        for what, width in {f"the width of {site.name}": site.width_out, "the bottleneck's width": inner}.items():
            if width % n:
                raise OptionError(
                    ("hypercomplex_division",),
                    f"{n} does not divide {what}, {width}",
                    "give another `hypercomplex_division`, `width` or `reduction`",
                )


def _shapes(whole: tuple[int, int, int], rank: int | None, name: str, of_rank: str) -> dict[str, tuple[int, ...]]:
    """The parts that n matrices are made of: one called `name`, or the left and right one of `of_rank`."""
    n, rows, columns = whole
    return {f"{of_rank}.left": (n, rows, rank), f"{of_rank}.right": (n, rank, columns)} if rank else {name: whole}


def _whole(name: str, of_rank: str, parts: Mapping[str, Operand]) -> Operand:
    """The n matrices that `_shapes` is about."""
    if name in parts:
        return parts[name]
    return map(torch.matmul, parts[f"{of_rank}.left"], parts[f"{of_rank}.right"])


def build(options: CompacterOptions, tasks: tuple[str, ...]) -> Compacter:
    """The adapter of a recipe."""
    return Compacter(options)
