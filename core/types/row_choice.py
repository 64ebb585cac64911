"""Some segments of a batch, as the rows of a pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.types.batch import Segment


@dataclass(frozen=True)
class RowChoice:
    """Whole segments of a batch of `rows` rows, in its order."""

    segments: tuple["Segment", ...]
    """Numbered in the batch."""
    rows: int

    @property
    def count(self) -> int:
        """Rows chosen."""
        return sum(segment.stop - segment.start for segment in self.segments)

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """First row and the one behind the last, of stretches of neighbouring rows."""
        found: list[tuple[int, int]] = []
        for segment in self.segments:
            if found and found[-1][1] == segment.start:
                found[-1] = found[-1][0], segment.stop
            else:
                found.append((segment.start, segment.stop))
        return found

    def __contains__(self, segment: "Segment") -> bool:
        return segment in self.segments

    def take(self, x: Tensor) -> Tensor:
        """The chosen rows of `(rows, ...)`; of one row for all, that row."""
        if x.shape[0] == 1 != self.rows or self.count == self.rows:
            return x
        pieces = [x[start:stop] for start, stop in self.ranges]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def take_tokens(self, tokens: Tokens) -> Tokens:
        """The chosen rows of tokens."""
        mask, positions = tokens.mask, tokens.positions
        return Tokens(
            self.take(tokens.states),
            None if mask is None else self.take(mask),
            None if positions is None else self.take(positions),
            {name: self.take_tokens(own) for name, own in tokens.beside.items()},
        )

    def bounds(self, segments: Sequence["Segment"]) -> list[int]:
        """First chosen row of each of the batch's segments, and behind the last: one that is not chosen has none."""
        found = [0]
        for segment in segments:
            found.append(found[-1] + (segment.stop - segment.start if segment in self.segments else 0))
        return found

    def local(self, segment: "Segment") -> "Segment":
        """One of its segments, numbered among the chosen rows.

        Raises:
            ValueError: it is none of them.
        """
        if segment not in self.segments:
            raise ValueError(f"{segment} is none of the chosen segments")
        before = sum(each.stop - each.start for each in self.segments if each.start < segment.start)
        return replace(segment, start=before, stop=before + segment.stop - segment.start)

    def within(self, other: "RowChoice") -> "RowChoice":
        """The same rows, chosen among those of a wider choice."""
        return RowChoice(tuple(other.local(segment) for segment in self.segments), other.count)
