"""Bottleneck adapter: output + Up(f(Down(output))) (Houlsby et al. 2019; placement as in VL-Adapter, section 3)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import Tensor
from torch.nn.functional import gelu, relu, silu

from multigraft import Adapter, Part, Site, SiteCall
from multigraft.init import normal, zeros
from multigraft.ops import Operand, linear
from multigraft.plugins.adapters.options import BottleneckOptions

_DEFAULT_REDUCTION = 8
_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu-tanh": partial(gelu, approximate="tanh"), "relu": relu, "silu": silu,
}  # fmt: skip


class Bottleneck(Adapter):
    """Serial, with an activation, biases and a skip of its own; `2 d b + b + d` numbers a site."""

    grouped = True

    def __init__(self, options: BottleneckOptions) -> None:
        self.options, self.activation = options, _ACTIVATIONS[options.activation]

    def parts(self, site: Site) -> Sequence[Part]:
        """`down.weight` (bottleneck, width), `up.weight` (width, bottleneck) and their biases."""
        outer, inner = site.width_out, self.bottleneck_width(site)
        up = zeros if self.options.start == "identity" else normal(0.02)
        return (
            Part("down.weight", (inner, outer), normal(0.02)),
            Part("down.bias", (inner,), zeros),
            Part("up.weight", (outer, inner), up),
            Part("up.bias", (outer,), zeros),
        )

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width)` to the same."""
        hidden = self.activation(linear(call.output, parts["down.weight"], parts["down.bias"]))
        return call.output + linear(hidden, parts["up.weight"], parts["up.bias"])

    def bottleneck_width(self, site: Site) -> int:
        """Width of the bottleneck at a site."""
        return self.options.width or max(1, site.width_out // (self.options.reduction or _DEFAULT_REDUCTION))


def build(options: BottleneckOptions, tasks: tuple[str, ...]) -> Bottleneck:
    """The adapter of a recipe."""
    return Bottleneck(options)
