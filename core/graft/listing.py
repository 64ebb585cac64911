"""Which sites each method of a graft got, in few rows."""

from dataclasses import dataclass

from multigraft.core.graft.attachment import Graft


@dataclass(frozen=True)
class SiteRow:
    """The sites of a method that differ in their layer alone."""

    method: str
    stack: str
    place: str
    """Block, and what is within it: `self-attention`, `self-attention.query`."""
    layers: tuple[int, ...]
    """Empty outside of layers."""

    @property
    def shown_layers(self) -> str:
        """`0-5, 8`."""
        stretches: list[list[int]] = []
        for layer in self.layers:
            if stretches and layer == stretches[-1][1] + 1:
                stretches[-1][1] = layer
            else:
                stretches.append([layer, layer])
        return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in stretches)


def site_rows(graft: Graft) -> tuple[SiteRow, ...]:
    """A row for each method, stack and place, in the order of the methods and of their sites."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    order: dict[str, None] = {}
    for attachment in graft.attachments():
        site = attachment.site
        place = ".".join(part for part in (site.block, site.inner) if part)
        layers = groups.setdefault((attachment.method, site.stack, place), [])
        if site.layer is not None:
            layers.append(site.layer)
        order.setdefault(attachment.method)
    methods = list(order)
    keys = sorted(groups, key=lambda key: methods.index(key[0]))
    return tuple(SiteRow(*key, tuple(sorted(groups[key]))) for key in keys)
