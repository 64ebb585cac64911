"""A mixed batch: samples of several tasks in contiguous segments, with different media and numbers of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from multigraft.core.types.pieces import Piece, joined

if TYPE_CHECKING:
    from multigraft.core.types.annotation import Annotation
    from multigraft.core.types.media import Media

IGNORED = -100
"""Target id that counts in no loss."""


@dataclass(frozen=True)
class Segment:
    """The contiguous rows `start` to `stop` of a batch that belong to one task of one graft."""

    task: str
    start: int
    stop: int
    graft: str = ""
    """Which of several grafts in a batch the rows go through."""

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.start, self.stop)

    @property
    def numbers(self) -> range:
        """The rows by number."""
        return range(self.start, self.stop)


@dataclass(frozen=True)
class TextPair:
    """What a task makes of an annotation: the text that goes in and the text that should come out."""

    text: str
    target: str
    weight: float = 1.0
    choices: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = field(default=(), compare=False)
    """The text in pieces, which says what goes first if it is too long; a text without them is all question."""

    @classmethod
    def of(cls, pieces: Sequence[Piece], target: str, weight: float = 1.0, choices: tuple[str, ...] = ()) -> "TextPair":
        """The pair whose text is these pieces."""
        return cls(joined(pieces), target, weight, choices, tuple(pieces))

    @property
    def parts(self) -> tuple[Piece, ...]:
        """The pieces of the text; all of it is the question where it was replaced without them."""
        return self.pieces if joined(self.pieces) == self.text else (Piece("question", self.text),)

    def with_prefix(self, prefix: str) -> "TextPair":
        """The same with a text in front that is never cut."""
        return replace(self, text=prefix + self.text, pieces=(Piece("prefix", prefix), *self.parts))


@dataclass(frozen=True)
class Sample:
    """One decoded sample of the stream."""

    task: str
    annotation: "Annotation"
    example: TextPair
    media: "tuple[Media, ...]"
    origin: str
    """`SHARD#KEY`."""
    graft: str = ""
    """Which of several grafts it goes through."""


@dataclass(frozen=True)
class Visual:
    """All media of one kind in a batch, pictures laid end to end."""

    kind: str
    """`image` or `video`."""
    rows: Tensor
    """`(rows,)`, the batch's rows that have such media."""
    slot: Tensor
    """`(pictures,)`, index into `rows` for each picture."""
    order: Tensor
    """`(pictures,)`, number of the picture within its row, from 0."""
    times: Tensor
    """`(pictures,)`, seconds."""
    pixels: Tensor | None
    """uint8 `(pictures, 3, size, size)`."""
    features: Tensor | None
    """`(pictures, tokens, width)` where stored features were read."""

    def select(self, rows: Sequence[int]) -> "Visual | None":
        """The media of some of the batch's rows, numbered among these; None where they have none."""
        place = {row: number for number, row in enumerate(rows)}
        kept = [slot for slot, row in enumerate(self.rows.tolist()) if row in place]
        if not kept:
            return None
        slots = self.rows.new_tensor(kept)
        pictures = torch.isin(self.slot, slots)
        return Visual(
            self.kind,
            rows=self.rows.new_tensor([place[row] for row in self.rows[slots].tolist()]),
            slot=torch.searchsorted(slots, self.slot[pictures]),
            order=self.order[pictures],
            times=self.times[pictures],
            pixels=None if self.pixels is None else self.pixels[pictures],
            features=None if self.features is None else self.features[pictures],
        )

    def to(self, device: torch.device) -> "Visual":
        """The same on another device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        return replace(self, **moved)


@dataclass(frozen=True)
class Batch:
    """Rows in the order of `segments`; one row a sample."""

    segments: tuple[Segment, ...]
    samples: tuple[Sample, ...]
    text_ids: Tensor
    """`(rows, text tokens)`, padded at the end."""
    text_mask: Tensor
    """`(rows, text tokens)`, True at real tokens."""
    target_ids: Tensor
    """`(rows, target tokens)`, `IGNORED` at padding."""
    weights: Tensor
    """`(rows,)`, weight of each sample in its task's loss."""
    visuals: tuple[Visual, ...]
    cut: tuple[frozenset[str], ...] = ()
    """For each row, what of its texts a limit has cut: `context`, `choices`, `question`, `target`."""

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: value.to(device, non_blocking=True) for name, value in tensors.items()}
        return replace(self, visuals=tuple(visual.to(device) for visual in self.visuals), **moved)

    def select(self, rows: Sequence[int]) -> "Batch":
        """Some of its rows, given in their order, padded as before; itself where these are all."""
        if len(rows) == len(self.samples):
            return self
        numbers = self.text_ids.new_tensor(rows)
        tensors: dict[str, Any] = {
            name: value[numbers] for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        visuals = (visual.select(rows) for visual in self.visuals)
        return Batch(
            segments=tuple(segments_of(self.segments, rows)),
            samples=tuple(self.samples[row] for row in rows),
            visuals=tuple(visual for visual in visuals if visual is not None),
            cut=tuple(self.cut[row] for row in rows) if self.cut else (),
            **tensors,
        )


def segments_of(segments: Sequence[Segment], rows: Sequence[int]) -> list[Segment]:
    """The segments of some of a batch's rows, given in their order, numbered among these."""
    found, start = [], 0
    for segment in segments:
        count = sum(segment.start <= row < segment.stop for row in rows)
        if count:
            found.append(replace(segment, start=start, stop=start + count))
        start += count
    return found
