"""Rows to a mixed batch: sorted by graft and task, texts padded, the media of a kind laid end to end.

All that the model must know of lengths, counts and places is worked out here, on the host.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from multigraft.core.data.padding import padded
from multigraft.core.data.seeding import seeded
from multigraft.core.types.batch import IGNORED, Batch, MediaItems, Segment, TextBatch
from multigraft.core.types.media import Media
from multigraft.core.types.row import TARGET, Row, TextRow

_NOTHING = TextRow(torch.zeros(0, dtype=torch.long))
_KEY_BITS = 63


def collate(rows: Sequence[Row], task_order: Sequence[str]) -> Batch:
    """A batch of the rows, in the order of their grafts and then of their tasks, those of a task as they were given."""
    place = {task: number for number, task in enumerate(task_order)}
    ordered = tuple(sorted(rows, key=lambda row: (row.sample.graft, place[row.task])))
    names = dict.fromkeys(name for row in ordered for name in row.texts)
    return Batch(
        segments=tuple(_segments(ordered)),
        rows=ordered,
        texts={name: _text(name, [row.texts.get(name, _NOTHING) for row in ordered]) for name in names},
        weights=torch.tensor([row.weight for row in ordered], dtype=torch.float32),
        media_keys=torch.tensor([seeded(row.media_name) % (1 << _KEY_BITS) for row in ordered]),
        media=tuple(_media(ordered)),
    )


def _segments(rows: Sequence[Row]) -> Iterator[Segment]:
    start = 0
    for stop in range(1, len(rows) + 1):
        own = rows[start]
        if stop == len(rows) or (rows[stop].sample.graft, rows[stop].task) != (own.sample.graft, own.task):
            yield Segment(own.task, start, stop, own.sample.graft)
            start = stop


def _text(name: str, texts: Sequence[TextRow]) -> TextBatch:
    ids = pad_sequence([text.ids for text in texts], True, IGNORED if name == TARGET else 0)
    lengths = torch.tensor([len(text.ids) for text in texts])
    mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
    labels = pad_sequence(
        [torch.full_like(text.ids, IGNORED) if text.labels is None else text.labels for text in texts], True, IGNORED
    )
    counted = labels != IGNORED
    rows = counted.nonzero()[:, 0]
    return TextBatch(
        ids, mask, labels[counted], counted.flatten().nonzero()[:, 0], rows, tuple(counted.sum(1).tolist())
    )


@dataclass(frozen=True)
class _Placed:
    row: int
    order: int
    """Number of its first item within the row."""
    media: Media


def _media(rows: Sequence[Row]) -> Iterator[MediaItems]:
    kinds = sorted({_group(media) for row in rows for media in row.sample.media})
    for kind in kinds:
        placed = []
        for number, row in enumerate(rows):
            order = 0
            for media in row.sample.media:
                if _group(media) == kind:
                    placed.append(_Placed(number, order, media))
                    order += len(media.times)
        yield _items(kind, placed)


Group = tuple[str, str, bool]
"""Kind and modality of media, and whether their features were stored."""


def _group(media: Media) -> Group:
    return media.kind, media.modality, media.features is not None


def _items(group: Group, placed: Sequence[_Placed]) -> MediaItems:
    kind, modality, stored = group
    numbers = sorted({each.row for each in placed})
    slots = {row: slot for slot, row in enumerate(numbers)}
    lengths = [len(each.media.times) for each in placed]
    slot = np.repeat([slots[each.row] for each in placed], lengths)  # torch's own would start a pool in this thread
    arrays = [each.media.features if stored else each.media.arrays for each in placed]
    values, mask = padded([array for array in arrays if array is not None])
    values = values.view(torch.bfloat16) if values.dtype == torch.uint16 else values
    return MediaItems(
        kind=kind,
        rows=torch.tensor(numbers),
        slot=torch.from_numpy(slot),
        order=torch.cat([torch.arange(len(each.media.times)) + each.order for each in placed]),
        times=torch.from_numpy(np.concatenate([each.media.times for each in placed])),
        arrays=None if stored else values,
        features=values if stored else None,
        numbers=tuple(numbers),
        counts=tuple(np.bincount(slot, minlength=len(numbers)).tolist()),
        modality=modality,
        mask=mask,
    )
