"""(IA)3: vectors that scale keys, values and the inner states of the feed-forward (Liu et al. 2022, section 3.3)."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from multigraft import Adapter, Part, Site, SiteCall
from multigraft.init import ones
from multigraft.ops import Operand, scale
from multigraft.plugins.adapters.options import Ia3Options

_SCALED_INPUT = ("down",)


class Ia3(Adapter):
    """Scales the output of a projection, `width_out` numbers, or its input, `width_in` numbers; it starts at one."""

    kinds = ("projection",)
    grouped = True

    def __init__(self, options: Ia3Options) -> None:
        self.options = options

    def parts(self, site: Site) -> Sequence[Part]:
        """`scale`, as wide as what it scales."""
        return (Part("scale", (site.width_in if self.scales_input(site) else site.width_out,), ones),)

    def before(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width_in)`."""
        return scale(call.input, parts["scale"]) if self.scales_input(call.site) else call.input

    def after(self, call: SiteCall, parts: Mapping[str, Operand]) -> Tensor:
        """`(rows, tokens, width_out)`."""
        return call.output if self.scales_input(call.site) else scale(call.output, parts["scale"])

    def merged(
        self, site: Site, weight: Tensor, bias: Tensor | None, parts: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """The weight's columns scaled, or its rows and the bias."""
        vector = parts["scale"]
        if self.scales_input(site):
            return weight * vector, bias
        return weight * vector[:, None], None if bias is None else bias * vector

    def scales_input(self, site: Site) -> bool:
        """Whether the input of a projection is scaled, and not its output."""
        return site.inner in (_SCALED_INPUT if self.options.scale_input is None else self.options.scale_input)

    def unused(self, sites: Sequence[Site]) -> list[str]:
        """Values of `scale_input` that no site has."""
        return [inner for inner in self.options.scale_input or () if inner not in {site.inner for site in sites}]


def build(options: Ia3Options, tasks: tuple[str, ...]) -> Ia3:
    """The adapter of a recipe."""
    return Ia3(options)
