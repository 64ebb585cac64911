"""Samples to a mixed batch: sorted by graft and task, texts to ids, the pictures of a kind laid end to end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from multigraft.core.data.tokens import tokenize_inputs, tokenize_targets
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.types.batch import IGNORED, Batch, Sample, Segment, Visual
from multigraft.core.types.media import Media


def collate(
    samples: Sequence[Sample],
    backbone: Backbone,
    text_limits: Mapping[str, int],
    target_limits: Mapping[str, int],
    task_order: Sequence[str],
) -> Batch:
    """A batch of the samples, in the order of their grafts and then of their tasks, those of a task as they were given.

    Args:
        text_limits: longest input of each task in tokens.
        target_limits: longest target of each task in tokens.
    """
    place = {task: number for number, task in enumerate(task_order)}
    rows = tuple(sorted(samples, key=lambda sample: (sample.graft, place[sample.task])))
    segments = tuple(_segments(rows))
    texts, masks, targets = [], [], []
    cut: list[frozenset[str]] = []
    for segment in segments:
        examples = [sample.example for sample in rows[segment.rows]]
        ids, mask, cut_texts = tokenize_inputs(backbone, examples, text_limits[segment.task])
        texts.append(ids)
        masks.append(mask)
        wanted, cut_targets = tokenize_targets(
            backbone, [example.target for example in examples], target_limits[segment.task]
        )
        targets.append(wanted)
        cut += [each | other for each, other in zip(cut_texts, cut_targets, strict=True)]
    return Batch(
        segments=segments,
        samples=rows,
        text_ids=_stack(texts, 0),
        text_mask=_stack(masks, 0).bool(),
        target_ids=_stack(targets, IGNORED),
        weights=torch.tensor([sample.example.weight for sample in rows], dtype=torch.float32),
        visuals=tuple(_visuals(rows)),
        cut=tuple(cut),
    )


def _segments(rows: Sequence[Sample]) -> Iterator[Segment]:
    start = 0
    for stop in range(1, len(rows) + 1):
        own = rows[start]
        if stop == len(rows) or (rows[stop].graft, rows[stop].task) != (own.graft, own.task):
            yield Segment(own.task, start, stop, own.graft)
            start = stop


def _stack(parts: Sequence[Tensor], fill: int) -> Tensor:
    """Parts `(rows, tokens)` one below the other, filled up at the end of their rows."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, width - part.shape[1]), value=fill) for part in parts])


@dataclass(frozen=True)
class _Placed:
    row: int
    order: int
    """Number of its first picture within the row."""
    media: Media


def _visuals(rows: Sequence[Sample]) -> Iterator[Visual]:
    kinds = sorted({(media.kind, media.features is not None) for sample in rows for media in sample.media})
    for kind, stored in kinds:
        placed = []
        for row, sample in enumerate(rows):
            order = 0
            for media in sample.media:
                if (media.kind, media.features is not None) == (kind, stored):
                    placed.append(_Placed(row, order, media))
                    order += len(media.times)
        yield _visual(kind, stored, placed)


def _visual(kind: str, stored: bool, placed: Sequence[_Placed]) -> Visual:
    rows = sorted({each.row for each in placed})
    slots = {row: slot for slot, row in enumerate(rows)}
    counts = torch.tensor([len(each.media.times) for each in placed])
    return Visual(
        kind=kind,
        rows=torch.tensor(rows),
        slot=torch.tensor([slots[each.row] for each in placed]).repeat_interleave(counts),
        order=torch.cat([torch.arange(len(each.media.times)) + each.order for each in placed]),
        times=torch.from_numpy(np.concatenate([each.media.times for each in placed])),
        pixels=None if stored else _pixels([each.media for each in placed]),
        features=_features([each.media for each in placed]) if stored else None,
    )


def _pixels(media: Sequence[Media]) -> Tensor:
    frames = [each.frames for each in media if each.frames is not None]
    return torch.from_numpy(np.concatenate(frames))


def _features(media: Sequence[Media]) -> Tensor:
    """`(pictures, tokens, width)`: the only copy of stored features, which stay bfloat16 if they are."""
    features = [each.features for each in media if each.features is not None]
    joined = torch.from_numpy(np.concatenate(features))
    return joined.view(torch.bfloat16) if joined.dtype == torch.uint16 else joined
