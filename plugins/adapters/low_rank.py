"""Low-rank adapter: a bottleneck adapter whose two matrices are products of two thin ones.

The baseline AdapterLowRank of Mahabadi et al. 2021 as in VL-Adapter's code, with its nonlinearity and start values.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import gelu

from multigraft import Adapter, Part, Site, SiteCall
from multigraft.init import zeros
from multigraft.ops import Operand, linear, map  # noqa: A004
from multigraft.plugins.adapters.options import LowRankOptions
from multigraft.plugins.adapters.starting import glorot

_THIN = ("down.left", "down.right", "up.left", "up.right")


class LowRank(Adapter):
    """Serial, with tanh-GELU, biases and a skip of its own.

    With rank `r` and a bottleneck of width `b`, `2 r (d + b) + b + d` numbers a site of width `d`.
    """

    grouped = True

    def __init__(self, options: LowRankOptions) -> None:
        self.options = options

    def parts(self, site: Site) -> Sequence[Part]:
        """For `down` and `up`: `left` (width_in, rank), `right` (rank, width_out) and the bias."""
        outer, inner, rank = site.width_out, self.options.bottleneck(site.width_out), self.options.rank
        shapes = ((outer, rank), (rank, inner), (inner, rank), (rank, outer))
        thin = (Part(name, shape, glorot(*shape)) for name, shape in zip(_THIN, shapes, strict=True))
        return (*thin, Part("down.bias", (inner,), zeros), Part("up.bias", (outer,), zeros))

    def prepared(self, site: Site, parts: Mapping[str, Operand]) -> dict[str, Operand]:
        """The thin matrices as weights of linear layers."""
        return {**parts, **{name: map(torch.t, parts[name]) for name in _THIN}}

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width)` to the same; `parts` are prepared."""
        return call.output + _through("up", gelu(_through("down", call.output, parts), approximate="tanh"), parts)


def _through(half: str, x: Tensor, parts: Mapping[str, Operand]) -> Tensor:
    """`x left right + bias`."""
    return linear(linear(x, parts[f"{half}.left"]), parts[f"{half}.right"], parts[f"{half}.bias"])


def build(options: LowRankOptions, tasks: tuple[str, ...]) -> LowRank:
    """The adapter of a recipe."""
    return LowRank(options)
