"""`channel-scale`: output * scale, as (IA)^3 does at other places (Liu et al. 2022, section 3.3)."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from multigraft import Adapter, Part, Site, SiteCall
from multigraft.init import normal
from multigraft_sample.options import ChannelScaleOptions


class ChannelScale(Adapter):
    """One vector a site."""

    def __init__(self, start: float) -> None:
        self.start = start

    def parts(self, site: Site) -> Sequence[Part]:
        """`scale` (width,)."""
        return (Part("scale", (site.width_out,), normal(0.0, self.start)),)

    def after(self, call: SiteCall, parts: Mapping[str, Tensor]) -> Tensor:
        """`(rows, tokens, width)` to the same."""
        return call.output * parts["scale"]


def build(options: ChannelScaleOptions, tasks: tuple[str, ...]) -> ChannelScale:
    """The adapter of a recipe."""
    return ChannelScale(options.start)
