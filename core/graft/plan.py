"""The plan of a batch: what every graft does at every site, worked out once, before the trunk runs."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import Attachment, Graft
from multigraft.core.graft.graft_interceptor import GraftInterceptor, Piece
from multigraft.core.graft.operands import Operands, generate
from multigraft.core.graft.planned import PlannedAdapter, PlannedPrefix
from multigraft.core.graft.side import PlannedSide, SideOfStack
from multigraft.core.graft.site_use import SiteUse
from multigraft.core.interfaces.adapter import Adapter, Prefix
from multigraft.core.types.batch import Segment


def make_interceptor(
    grafts: Graft | Mapping[str, Graft], segments: Sequence[Segment], training: bool, probe: Collection[str] = ()
) -> GraftInterceptor:
    """The interceptor of one batch; hypernetworks run here, and parts are cast and prepared.

    Args:
        grafts: one graft, or those that the segments name, whose rows stand together.
        probe: sites of attention whose probabilities are wanted.

    Raises:
        MultigraftError: rows of a graft that is not there.
    """
    named = {segments[0].graft: grafts} if isinstance(grafts, Graft) else grafts
    own: dict[str, list[Segment]] = {}
    for before, segment in zip([None, *segments], segments, strict=False):
        if segment.graft not in named:
            known = ", ".join(map(repr, named))
            raise MultigraftError(f"rows go through the graft {segment.graft!r}, and there is {known} alone")
        if segment.graft in own and before and before.graft != segment.graft:
            raise ValueError(f"rows of the graft {segment.graft!r} do not stand together")
        own.setdefault(segment.graft, []).append(segment)
    uses = {name: dict(_uses(named[name], rows, name)) for name, rows in own.items()}
    sites = {
        site: tuple(Piece(rows[0].start, rows[-1].stop, uses[name].get(site)) for name, rows in own.items())
        for site in dict.fromkeys(site for sites in uses.values() for site in sites)
    }
    return GraftInterceptor(sites, tuple(segments), training, set(), probe, {})


def _uses(graft: Graft, segments: Sequence[Segment], name: str) -> Iterator[tuple[str, SiteUse]]:
    operands = Operands(graft, segments, _computed(graft), generate(graft, segments))
    yield from _sides(graft, operands, name)
    for site, attachments in graft.sites.items():
        if isinstance(attachments[0].adapter, SideOfStack):
            continue
        yield site, _use(attachments, operands, segments[-1].stop - segments[0].start)


def _use(attachments: Sequence[Attachment], operands: Operands, rows: int) -> SiteUse:
    overlay = next((operands.of(each, cast=False) for each in attachments if each.adapter is None), {})
    adapters, prefixes = [], []
    for each in attachments:
        if isinstance(each.adapter, Adapter):
            adapters.append(PlannedAdapter.of(each.adapter, each.site, operands.of(each), overlay))
        elif isinstance(each.adapter, Prefix):
            prefixes.append(PlannedPrefix.of(each.adapter, each.site, operands.of(each), rows))
    return SiteUse(attachments[0].site, overlay, tuple(adapters), tuple(prefixes))


def _sides(graft: Graft, operands: Operands, name: str) -> Iterator[tuple[str, SiteUse]]:
    """The side networks of a graft, each at the site of what is around all of its layers."""
    own: dict[str, list[Attachment]] = {}
    for each in graft.attachments():
        if isinstance(each.adapter, SideOfStack):
            own.setdefault(each.site.stack, []).append(each)
    for attachments in own.values():
        side = attachments[0].adapter
        assert isinstance(side, SideOfStack)
        parts = {
            (each.site.layer, part): operand
            for each in attachments
            for part, operand in operands.of(each, cast=False).items()
        }
        site = side.sites[0]
        yield site.name, SiteUse(site, {}, (), (), PlannedSide(side, name, parts))


def _computed(graft: Graft) -> torch.dtype | None:
    """The dtype that autocast computes in, where it is on."""
    device = graft.bank.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
