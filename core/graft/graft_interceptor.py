"""The graft of one batch at the sites of the trunk: made once a batch, handed down through the trunk."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.projection import Projection
from multigraft.core.interfaces.side_network import SideRows
from multigraft.core.ops.attention import attend, attend_with_probabilities
from multigraft.core.types.batch import Segment
from multigraft.core.types.site import SIDE
from multigraft.core.types.tokens import AttentionCall, KeyValues

if TYPE_CHECKING:
    from multigraft.core.graft.site_use import SiteUse


@dataclass(frozen=True)
class Piece:
    """The rows of one graft at a site; without a use, its rows go through the plain trunk."""

    start: int
    stop: int
    use: "SiteUse | None"


class Sites(Protocol):
    """The sites of a batch where any graft acts."""

    def get(self, site: str) -> tuple[Piece, ...] | None:
        """The pieces of a site, which are all rows; None where nothing acts."""
        ...


class _Rebound:
    """Sites for rows whose bounds have moved, each worked out when it is first reached."""

    def __init__(self, sites: Sites, places: Mapping[int, int]) -> None:
        self._sites, self._places = sites, places
        self._moved: dict[str, tuple[Piece, ...] | None] = {}

    def get(self, site: str) -> tuple[Piece, ...] | None:
        """The pieces of a site; None where nothing acts."""
        if site not in self._moved:
            pieces = self._sites.get(site)
            self._moved[site] = None if pieces is None else tuple(_moved(pieces, self._places))
        return self._moved[site]


@dataclass(frozen=True)
class GraftInterceptor:
    """Adapters, overlays and prefixes of the grafts of a batch."""

    sites: Sites
    segments: tuple[Segment, ...]
    training: bool
    seen: set[str]
    """Names of the sites that the trunk has called, and something acts at."""
    probe: Collection[str] = ()
    """Sites of attention whose probabilities are kept; they run unfused."""
    probabilities: dict[str, Tensor] | None = None
    """Those, `(rows, heads, queries, keys)`, with gradients; the prefixes' columns come first, and where grafts have
    prefixes of other lengths, the missing columns are 0."""
    mask: Tensor | None = None

    def acts_at(self, sites: Iterable[str]) -> bool:
        """Whether a graft acts at one of these sites, or its probabilities are kept."""
        return any(self.sites.get(site) is not None or site in self.probe for site in sites)

    def linear(self, site: str, projection: Projection, x: Tensor) -> Tensor:
        """A projection with its overlays and adapters: `(rows, tokens, width_in)` to `(rows, tokens, width_out)`."""
        pieces = self.sites.get(site)
        if pieces is None:
            return projection(x)
        self.seen.add(site)
        return self._by_graft(
            pieces,
            lambda use, x, mask: use.linear(projection, x, mask, self.training) if use else projection(x),
            x,
        )

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        """A normalisation with its overlays and adapters."""
        pieces = self.sites.get(site)
        if pieces is None:
            return module(x)  # type: ignore[no-any-return]
        self.seen.add(site)
        return self._by_graft(
            pieces, lambda use, x, mask: use.norm(module, x, mask, self.training) if use else module(x), x
        )

    def embedding(self, site: str, module: nn.Module, ids: Tensor) -> Tensor:
        """An embedding with its overlays and adapters."""
        return self.norm(site, module, ids)

    def block(self, site: str, x: Tensor, output: Tensor, residual: Tensor | None = None) -> Tensor:
        """A block's output after its adapters."""
        pieces = self.sites.get(site)
        if pieces is None:
            return output
        self.seen.add(site)
        if len(pieces) == 1 and pieces[0].use is not None:
            return pieces[0].use.block(x, output, self.mask, self.training, residual)
        return torch.cat([self._block_of(piece, x, output, residual) for piece in pieces])

    def attention(self, site: str, call: AttentionCall) -> Tensor:
        """Attention with what the grafts put in front of its memory."""
        pieces = self.sites.get(site)
        if pieces is None:
            return self._attend(site, call)
        self.seen.add(site)
        if len(pieces) == 1:
            return self._attend(site, pieces[0].use.attention(call) if pieces[0].use else call)
        rows = pieces[-1].stop
        apart = [(piece.use, _call_of_rows(call, piece, rows)) for piece in pieces]
        return self._attend(site, *(use.attention(own) if use else own for use, own in apart))

    def beside(self, stack: str) -> Sequence[SideRows]:
        """The side networks of the grafts beside a stack, for each stretch of rows with one owner."""
        found: list[SideRows] = []
        for piece in self.sites.get(f"{stack}.{SIDE}") or ():
            if piece.use is not None and piece.use.side is not None:
                self.seen.update(site.name for site in piece.use.side.side.sites)
                found += piece.use.side.rows(piece.start, piece.stop)
        return found

    def plain(self) -> NoGraft:
        """Nothing at any site."""
        return NoGraft(self.training)

    def masked(self, mask: Tensor | None) -> Self:
        """For layers that run over tokens of which these are real."""
        return replace(self, mask=mask)

    def expand(self, copies: int) -> Self:
        """For rows that were each repeated `copies` times in place."""
        return self._rebound([bound * copies for bound in self.bounds])

    def select(self, bounds: Sequence[int]) -> Self:
        """For other rows of the same segments."""
        return self._rebound(bounds)

    def narrow(self, start: int, stop: int) -> Self:
        """For the rows of one segment alone."""
        return self._rebound([0 if bound <= start else stop - start for bound in self.bounds])

    @property
    def bounds(self) -> tuple[int, ...]:
        """First row of each segment, and behind the last."""
        return (*(segment.start for segment in self.segments), self.segments[-1].stop)

    def _rebound(self, bounds: Sequence[int]) -> Self:
        places = dict(zip(self.bounds, bounds, strict=True))
        segments = tuple(
            replace(segment, start=start, stop=stop)
            for segment, start, stop in zip(self.segments, bounds, bounds[1:], strict=False)
            if start < stop
        )
        return replace(self, sites=_Rebound(self.sites, places), segments=segments, mask=None)

    def _by_graft(
        self, pieces: tuple[Piece, ...], run: "Callable[[SiteUse | None, Tensor, Tensor | None], Tensor]", x: Tensor
    ) -> Tensor:
        if len(pieces) == 1:
            return run(pieces[0].use, x, self.mask)
        rows = torch.split(x, [piece.stop - piece.start for piece in pieces])
        masks = self._masks(pieces)
        return torch.cat([run(piece.use, own, mask) for piece, own, mask in zip(pieces, rows, masks, strict=True)])

    def _block_of(self, piece: Piece, x: Tensor, output: Tensor, residual: Tensor | None) -> Tensor:
        own = slice(piece.start, piece.stop)
        if piece.use is None:
            return output[own]
        mask, stream = (None if each is None else each[own] for each in (self.mask, residual))
        return piece.use.block(x[own], output[own], mask, self.training, stream)

    def _masks(self, pieces: Sequence[Piece]) -> Sequence[Tensor | None]:
        if self.mask is None:
            return [None] * len(pieces)
        return torch.split(self.mask, [piece.stop - piece.start for piece in pieces])

    def _attend(self, site: str, *calls: AttentionCall) -> Tensor:
        """The attention of all rows, given by stretches of rows."""
        if site not in self.probe or self.probabilities is None:
            return attend(calls[0]) if len(calls) == 1 else torch.cat([attend(call) for call in calls])
        mixed, kept = zip(*(attend_with_probabilities(call) for call in calls), strict=True)
        most = max(each.shape[-1] for each in kept)
        self.probabilities[site] = torch.cat([pad(each, (most - each.shape[-1], 0)) for each in kept])
        return torch.cat(mixed)


def _moved(pieces: Sequence[Piece], places: Mapping[int, int]) -> "list[Piece]":
    moved = []
    for piece in pieces:
        start, stop = places[piece.start], places[piece.stop]
        own = {place - piece.start: to - start for place, to in places.items() if piece.start <= place <= piece.stop}
        if start < stop:
            moved.append(Piece(start, stop, piece.use and piece.use.rebound(own)))
    return moved


def _call_of_rows(call: AttentionCall, piece: Piece, rows: int) -> AttentionCall:
    def own(x: Tensor) -> Tensor:
        """A graft's rows of something that may have one row for several of the batch's, or one for all."""
        return x if x.shape[0] == 1 != rows else x[piece.start * x.shape[0] // rows : piece.stop * x.shape[0] // rows]

    memory = KeyValues(own(call.memory.key), own(call.memory.value))
    return replace(call, query=own(call.query), memory=memory, mask=None if call.mask is None else own(call.mask))
