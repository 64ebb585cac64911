"""Bottleneck adapter: output + scale * Up(f(Down(x))), serial or parallel.

Serial, `x` is the output (Houlsby et al. 2019; placement as in VL-Adapter, section 3); parallel, it is what the block
or projection itself reads (He et al. 2022, section 3.3).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, relu, silu

from multigraft import Adapter, Part, Site, SiteCall
from multigraft.init import normal, ones, zeros
from multigraft.ops import Operand, linear, scale, shift
from multigraft.plugins.adapters.options import BottleneckOptions

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu-tanh": partial(gelu, approximate="tanh"), "gelu": gelu, "relu": relu, "silu": silu,
}  # fmt: skip


class Bottleneck(Adapter):
    """With an activation, biases and a skip of its own.

    With a bottleneck of width `b`, `2 d b + b + d` numbers at a block of width `d`, and `2 d` more for each norm. At a
    projection of width `o`, reading `i` channels, `i b + b o + b + o`; the norms have `2 i` and `2 o`.
    """

    grouped = True

    def __init__(self, options: BottleneckOptions) -> None:
        self.options, self.activation = options, _ACTIVATIONS[options.activation]
        self.kinds = ("projection",) if options.sites.inner else ("block",)

    def parts(self, site: Site) -> Sequence[Part]:
        """`down.weight` (bottleneck, width read), `up.weight` (width, bottleneck) and their biases.

        The norms: `pre-norm.weight` and `pre-norm.bias` (width read), `post-norm.weight` and `post-norm.bias` (width).
        """
        read, inner = self._width_read(site), self.bottleneck_width(site)
        drawn = normal(self.options.spread)
        return (
            *_norm_parts("pre-norm", read, self.options.pre_norm),
            Part("down.weight", (inner, read), drawn),
            Part("down.bias", (inner,), zeros),
            Part("up.weight", (site.width_out, inner), zeros if self.options.start == "identity" else drawn),
            Part("up.bias", (site.width_out,), zeros),
            *_norm_parts("post-norm", site.width_out, self.options.post_norm),
        )

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width_out)`; reads that, or `(rows, tokens, width_in)` where it is parallel."""
        read = _normed("pre-norm", call.input if self._parallel else call.output, parts)
        hidden = self.activation(linear(read, parts["down.weight"], parts["down.bias"]))
        added = _normed("post-norm", linear(hidden, parts["up.weight"], parts["up.bias"]), parts)
        return torch.add(call.output, added, alpha=self.options.scale)

    def bottleneck_width(self, site: Site) -> int:
        """Width of the bottleneck at a site."""
        return self.options.bottleneck(self._width_read(site))

    @property
    def _parallel(self) -> bool:
        return self.options.placement == "parallel"

    def _width_read(self, site: Site) -> int:
        return site.width_in if self._parallel else site.width_out


def _norm_parts(name: str, width: int, wanted: bool) -> Iterator[Part]:
    if wanted:
        yield Part(f"{name}.weight", (width,), ones)
        yield Part(f"{name}.bias", (width,), zeros)


def _normed(name: str, x: Tensor, parts: Mapping[str, Operand]) -> Tensor:
    """`x` through a LayerNorm, where there is one of that name."""
    if f"{name}.weight" not in parts:
        return x
    even = layer_norm(x, x.shape[-1:], eps=1e-5)
    return shift(scale(even, parts[f"{name}.weight"]), parts[f"{name}.bias"]).to(x.dtype)


def build(options: BottleneckOptions, tasks: tuple[str, ...]) -> Bottleneck:
    """The adapter of a recipe."""
    return Bottleneck(options)
