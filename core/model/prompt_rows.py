"""Tokens of some rows of a batch: arranged by row, taken, and set side by side. Nothing here is read from a device."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

from multigraft.core.interfaces.prompt import MediaTokens
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.types.batch import MediaItems, Segment
    from multigraft.core.types.row_choice import RowChoice
    from multigraft.core.types.token_layout import TokenLayout


@dataclass(frozen=True)
class RowTokens:
    """The encoded media of one kind, of the rows that have such."""

    numbers: tuple[int, ...]
    """These rows, among those that a pass is about."""
    media: MediaTokens

    def of(self, rows: "RowChoice") -> "RowTokens | None":
        """Those of the chosen rows, numbered among these; None where none has any."""
        if rows.count == rows.rows:
            return self
        numbers, pieces, before = [], [], 0
        for start, stop in rows.ranges:
            first, last = bisect_left(self.numbers, start), bisect_left(self.numbers, stop)
            numbers += [number - start + before for number in self.numbers[first:last]]
            pieces.append(slice(first, last))
            before += stop - start
        if not numbers:
            return None

        def taken(x: Tensor) -> Tensor:
            kept = [x[piece] for piece in pieces if piece.start < piece.stop]
            return kept[0] if len(kept) == 1 else torch.cat(kept)

        return RowTokens(tuple(numbers), self.media.of(taken))

    def segments_of(self, segments: Sequence["Segment"]) -> list["Segment"]:
        """The segments of the rows that have such media, numbered among these."""
        found = []
        for segment in segments:
            start, stop = bisect_left(self.numbers, segment.start), bisect_left(self.numbers, segment.stop)
            if start < stop:
                found.append(replace(segment, start=start, stop=stop))
        return found


def items_of(items: "MediaItems", rows: "RowChoice") -> "MediaItems | None":
    """The media of the chosen rows, numbered among these; None where none has any."""
    if rows.count == rows.rows:
        return items
    first = [0]
    for count in items.counts:
        first.append(first[-1] + count)
    numbers: list[int] = []
    counts: list[int] = []
    kept, before = [], 0
    for start, stop in rows.ranges:
        begin, end = bisect_left(items.numbers, start), bisect_left(items.numbers, stop)
        if begin < end:
            kept.append((begin, end, len(counts)))
        numbers += [number - start + before for number in items.numbers[begin:end]]
        counts += items.counts[begin:end]
        before += stop - start
    if not numbers:
        return None

    def taken(x: Tensor) -> Tensor:
        return torch.cat([x[first[begin] : first[end]] for begin, end, _ in kept])

    return replace(
        items,
        rows=torch.cat([items.rows[begin:end] for begin, end, _ in kept]),
        slot=torch.cat([items.slot[first[begin] : first[end]] - begin + at for begin, end, at in kept]),
        order=taken(items.order),
        times=taken(items.times),
        arrays=None if items.arrays is None else taken(items.arrays),
        features=None if items.features is None else taken(items.features),
        mask=None if items.mask is None else taken(items.mask),
        numbers=tuple(numbers),
        counts=tuple(counts),
    )


def item_bounds(items: "MediaItems", bounds: Sequence[int]) -> list[int]:
    """The bounds of the segments among the items."""
    first = [0]
    for count in items.counts:
        first.append(first[-1] + count)
    return [first[bisect_left(items.numbers, bound)] for bound in bounds]


def arrange(items: "MediaItems", made: Tokens, layout: "TokenLayout | None" = None) -> MediaTokens:
    """Tokens of items laid end to end, `(items, tokens, width)`, to rows filled up with empty items at their end."""
    rows, most = len(items.numbers), items.most
    times, real = items.times.float(), torch.ones_like(items.slot, dtype=torch.bool)
    if set(items.counts) == {most}:

        def laid(x: Tensor) -> Tensor:
            return x.reshape(rows, most, *x.shape[1:])

    else:
        place = items.slot * most + items.order

        def laid(x: Tensor) -> Tensor:
            whole = x.new_zeros(rows * most, *x.shape[1:]).index_copy(0, place, x)
            return whole.view(rows, most, *x.shape[1:])

    mask = None if made.mask is None else laid(made.mask)
    return MediaTokens(laid(made.states), laid(real), laid(times), items.kind, layout, mask, items.modality)


def of_slice(tokens: Tokens, rows: slice) -> Tokens:
    """The tokens of neighbouring rows, `(some, tokens, width)`."""
    mask, positions = tokens.mask, tokens.positions
    if positions is not None and positions.shape[0] > 1:
        positions = positions[rows]
    return Tokens(tokens.states[rows], None if mask is None else mask[rows], positions)


def of_numbers(tokens: Tokens, numbers: Sequence[int]) -> Tokens:
    """The tokens of rows given in their order."""
    runs = list(_runs(numbers))
    if len(runs) == 1:
        return of_slice(tokens, slice(*runs[0]))
    parts = [of_slice(tokens, slice(*run)) for run in runs]
    positions = tokens.positions
    if positions is not None and positions.shape[0] > 1:
        positions = torch.cat([part.positions for part in parts if part.positions is not None])
    mask = None if tokens.mask is None else torch.cat([part.real for part in parts])
    return Tokens(torch.cat([part.states for part in parts]), mask, positions)


def for_rows(made: Tokens, rows: int) -> Tokens:
    """A row each, `(rows, tokens, width)`, where there may be one for all."""
    if made.states.shape[0] == rows:
        return made
    return Tokens(made.states.expand(rows, -1, -1), None if made.mask is None else made.mask.expand(rows, -1))


def side_by_side(made: Sequence[tuple[Sequence[int], Tokens]], rows: int) -> Tokens:
    """Prompts of several kinds among `rows` rows: each row's own stand at its front, in the order given.

    Args:
        made: the rows that have such prompts, and these.
    """
    if len(made) == 1 and len(made[0][0]) == rows:
        return made[0][1]
    slots = [{number: slot for slot, number in enumerate(numbers)} for numbers, _ in made]
    having = [tuple(kind for kind, own in enumerate(slots) if row in own) for row in range(rows)]
    width = max(sum(made[kind][1].states.shape[1] for kind in kinds) for kinds in having)
    pieces, start = [], 0
    while start < rows:
        stop = next((row for row in range(start, rows) if having[row] != having[start]), rows)
        own = [of_slice(made[k][1], slice(slots[k][start], slots[k][stop - 1] + 1)) for k in having[start]]
        pieces.append(_padded(own, made[0][1].states, stop - start, width))
        start = stop
    return Tokens(torch.cat([each.states for each in pieces]), torch.cat([each.real for each in pieces]))


def _padded(own: Sequence[Tokens], like: Tensor, rows: int, width: int) -> Tokens:
    """Tokens of some rows side by side, filled up to `width`."""
    if not own:
        return Tokens(like.new_zeros(rows, width, like.shape[2]), like.new_zeros(rows, width, dtype=torch.bool))
    states, real = torch.cat([each.states for each in own], 1), torch.cat([each.real for each in own], 1)
    room = width - states.shape[1]
    return Tokens(pad(states, (0, 0, 0, room)), pad(real, (0, room)))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of neighbouring numbers: the first, and the one behind the last."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield numbers[start], numbers[place - 1] + 1
            start = place
