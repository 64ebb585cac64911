"""A mixed batch: samples of several tasks in contiguous segments, with different media and numbers of tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from multigraft.core.types.row import Row
    from multigraft.core.types.sample import Sample

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
class MediaItems:
    """All media of one kind in a batch, laid end to end; an item is a picture, a frame, a clip of sound."""

    kind: str
    """`image`, `video`, `audio`."""
    rows: Tensor
    """`(rows,)`, the batch's rows that have such media."""
    slot: Tensor
    """`(items,)`, index into `rows` for each item."""
    order: Tensor
    """`(items,)`, number of the item within its row, from 0."""
    times: Tensor
    """`(items,)`, seconds."""
    arrays: Tensor | None
    """`(items, ...)`, such as uint8 pictures `(items, 3, size, size)`."""
    features: Tensor | None
    """`(items, tokens, width)` where stored features were read."""
    numbers: tuple[int, ...]
    """`rows`, on the host."""
    counts: tuple[int, ...]
    """Items of each of the rows, on the host."""
    modality: str = "visual"
    """Whose encoder reads them."""
    mask: Tensor | None = None
    """`(items, length)`, True at what is real of each array, or of its stored tokens; None where all are of one
    length."""

    @property
    def most(self) -> int:
        """Items of a row, at most."""
        return max(self.counts)

    def to(self, device: torch.device) -> "MediaItems":
        """The same on another device."""
        return replace(self, **_moved(self, device))


@dataclass(frozen=True)
class TextBatch:
    """One text of each row of a batch."""

    ids: Tensor
    """`(rows, tokens)`, padded at the end; a target is padded with `IGNORED`."""
    mask: Tensor
    """`(rows, tokens)`, True at real tokens."""
    labels: Tensor
    """`(labels,)`, the tokens to be predicted, row by row."""
    places: Tensor
    """`(labels,)`, where they stand among all `rows * tokens`."""
    rows: Tensor
    """`(labels,)`, the row of each."""
    counts: tuple[int, ...]
    """Labels of each row, on the host."""

    def narrow(self, start: int, stop: int) -> "TextBatch":
        """Of neighbouring rows alone."""
        first, last = sum(self.counts[:start]), sum(self.counts[:stop])
        return TextBatch(
            self.ids[start:stop],
            self.mask[start:stop],
            self.labels[first:last],
            self.places[first:last] - start * self.ids.shape[1],
            self.rows[first:last] - start,
            self.counts[start:stop],
        )

    def to(self, device: torch.device) -> "TextBatch":
        """The same on another device."""
        return replace(self, **_moved(self, device))


@dataclass(frozen=True)
class Batch:
    """Rows in the order of `segments`; one row a sample."""

    segments: tuple[Segment, ...]
    rows: tuple["Row", ...]
    """The rows as they were prepared, on the host."""
    texts: Mapping[str, TextBatch]
    """`text`, `target`, and what objectives have added; a row that has none of a name has no token there."""
    weights: Tensor
    """`(rows,)`, weight of each sample in its task's loss."""
    media_keys: Tensor
    """`(rows,)`, numbers that are equal where rows are about the same media."""
    media: tuple[MediaItems, ...]

    @property
    def samples(self) -> tuple["Sample", ...]:
        """The sample of each row."""
        return tuple(row.sample for row in self.rows)

    @property
    def cut(self) -> tuple[frozenset[str], ...]:
        """For each row, what of its texts a limit has cut: `context`, `choices`, `question`, `target`."""
        return tuple(row.cut for row in self.rows)

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        return replace(
            self,
            texts={name: text.to(device) for name, text in self.texts.items()},
            media=tuple(each.to(device) for each in self.media),
            **_moved(self, device),
        )

    def pinned(self) -> "Batch":
        """The same in memory that a GPU copies from without anybody waiting."""
        return replace(
            self,
            texts={name: replace(text, **_pinned(text)) for name, text in self.texts.items()},
            media=tuple(replace(each, **_pinned(each)) for each in self.media),
            **_pinned(self),
        )


def _moved(of: object, device: torch.device) -> dict[str, Any]:
    """The tensors of a dataclass on another device."""
    return {name: each.to(device, non_blocking=True) for name, each in vars(of).items() if isinstance(each, Tensor)}


def _pinned(of: object) -> dict[str, Any]:
    return {name: each.pin_memory() for name, each in vars(of).items() if isinstance(each, Tensor)}
