"""Compacter: a bottleneck adapter of parameterised hypercomplex multiplications (Mahabadi et al. 2021, section 4).

The nonlinearity and the start values are VL-Adapter's (section 3.2).
"""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import gelu

from multigraft import Adapter, Initial, OptionError, Part, Site, SiteCall
from multigraft.init import normal, uniform, zeros
from multigraft.ops import Operand, linear, map, phm  # noqa: A004
from multigraft.plugins.adapters.options import CompacterOptions

_DEFAULT_REDUCTION = 8
_HALVES = ("down", "up")


class Compacter(Adapter):
    """Serial, with tanh-GELU, biases and a skip of its own.

    With `n` the hypercomplex division and `b` the bottleneck, `2 d b / n + b + d` numbers a site of width `d` and two
    rules of `n^3`; with factors of rank `r`, `2 r (d + b) + b + d` and the rules.
    """

    grouped = True

    def __init__(self, options: CompacterOptions) -> None:
        self.options = options

    def parts(self, site: Site) -> Sequence[Part]:
        """For `down` and `up`: the rule (n, n, n), the factors (n, width_in / n, width_out / n) and the bias.

        Factors of a rank are `left` (n, width_in / n, rank) and `right` (n, rank, width_out / n).

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
            weight = phm(parts[self._rule(half)], self._factors(half, parts))
            made[f"{half}.weight"] = map(torch.t, weight)
        return made

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width)` to the same; `parts` are prepared."""
        hidden = gelu(linear(call.output, parts["down.weight"], parts["down.bias"]), approximate="tanh")
        return call.output + linear(hidden, parts["up.weight"], parts["up.bias"])

    def bottleneck_width(self, site: Site) -> int:
        """Width of the bottleneck at a site; from a reduction, n at least."""
        reduced = site.width_out // (self.options.reduction or _DEFAULT_REDUCTION)
        return self.options.width or max(self.options.hypercomplex_division, reduced)

    def _parts(self, outer: int, inner: int) -> Iterator[Part]:
        n, rank = self.options.hypercomplex_division, self.options.rank
        if self.options.shared_rule:
            yield Part("rule", (n, n, n), normal(0.01), scope="model")
        for half, ways in zip(_HALVES, ((outer, inner), (inner, outer)), strict=True):
            if not self.options.shared_rule:
                yield Part(f"{half}.rule", (n, n, n), normal(0.01))
            rows, columns = (way // n for way in ways)
            factors = {"left": (rows, rank), "right": (rank, columns)} if rank else {"factors": (rows, columns)}
            for name, shape in factors.items():
                yield Part(f"{half}.{name}", (n, *shape), _glorot(*shape))
            yield Part(f"{half}.bias", (ways[1],), zeros)

    def _rule(self, half: str) -> str:
        return "rule" if self.options.shared_rule else f"{half}.rule"

    def _factors(self, half: str, parts: Mapping[str, Operand]) -> Operand:
        if self.options.rank:
            return map(torch.matmul, parts[f"{half}.left"], parts[f"{half}.right"])
        return parts[f"{half}.factors"]

    def _check(self, site: Site, inner: int) -> None:
        n = self.options.hypercomplex_division
        for what, width in {f"the width of {site.name}": site.width_out, "the bottleneck's width": inner}.items():
            if width % n:
                raise OptionError(
                    ("hypercomplex_division",),
                    f"{n} does not divide {what}, {width}",
                    "give another `hypercomplex_division`, `width` or `reduction`",
                )


def _glorot(rows: int, columns: int) -> Initial:
    """Uniform with gain sqrt(2) (Glorot and Bengio 2010, equation 16)."""
    return uniform(sqrt(2) * sqrt(6 / (rows + columns)))


def build(options: CompacterOptions, tasks: tuple[str, ...]) -> Compacter:
    """The adapter of a recipe."""
    return Compacter(options)
