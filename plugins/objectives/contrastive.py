"""`contrastive`: media and their texts lie near each other (image-text contrastive learning).

`logits = query . keys / temperature`; the keys are those of the batch, of all processes, and of a queue (He et al.
2020). With a teacher the keys are its features, and targets are `alpha * softmax(teacher's logits) + (1 - alpha) *
hard`; a hard target is shared equally by all keys of the same media (ALBEF, Li et al. 2021). The loss is the mean of
both directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from multigraft import Head, Loss, Need, Objective, Row, RowShape, Shapes, TaskBatch, TaskOutputs, View
from multigraft.plugins.objectives.options import ContrastiveOptions
from multigraft.plugins.objectives.projections import projections, temperature, unit_vectors
from multigraft.plugins.objectives.queue import EMPTY, enqueued

_SIDES = ("media", "text")
TEXT_ALONE = View(media=False)


class Contrastive(Objective):
    """Features of both sides, and keys to tell them from."""

    embeds = ("media", "text")
    parts = ("media-to-text", "text-to-media")

    def __init__(self, options: ContrastiveOptions) -> None:
        self.options = options
        self.splittable = not options.in_batch
        self._keys: View = View(values="teacher") if options.teacher else View()
        views = [View(), self._keys] if options.teacher else [View()]
        self.needs = [need for view in views for need in (Need("media", view), Need("summary", _text_alone(view)))]

    def modules(self, shapes: Shapes) -> Mapping[str, Head]:
        """Projections of both sides, and the temperature."""
        return projections(shapes, self.options.modality, self.options.width, self.options.temperature)

    def state(self, shapes: Shapes, generator: Generator) -> Mapping[str, Tensor]:
        """An empty queue."""
        length, width = self.options.queue, self.options.width
        if not length:
            return {}
        return {
            **{side: torch.zeros(length, width) for side in _SIDES},
            "key": torch.full((length,), EMPTY),
            "next": torch.zeros((), dtype=torch.long),
        }

    def append_shapes(self, shapes: Shapes) -> Mapping[str, RowShape]:
        """Features and the media's number."""
        return self._row_shapes() if self.options.queue else {}

    def feature_shapes(self, shapes: Shapes) -> Mapping[str, RowShape]:
        """As what is appended; none without negatives of the batch."""
        return self._row_shapes() if self.options.in_batch else {}

    def _row_shapes(self) -> dict[str, RowShape]:
        width = self.options.width
        return {**dict.fromkeys(_SIDES, ((width,), torch.float32)), "key": ((), torch.long)}

    def advance(self, state: Mapping[str, Tensor], appended: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The queue with the newest features in place of the oldest."""
        return enqueued(state, appended)

    def embeddings(self, rows: TaskBatch, outputs: TaskOutputs) -> Mapping[str, Tensor]:
        """Of the student."""
        return unit_vectors(rows, outputs, self.options.modality, View(), TEXT_ALONE)

    def features(self, rows: TaskBatch, outputs: TaskOutputs) -> Mapping[str, Tensor]:
        """What rows are told from."""
        keys = unit_vectors(rows, outputs, self.options.modality, self._keys, _text_alone(self._keys))
        return {**{side: value.float() for side, value in keys.items()}, "key": rows.media_keys}

    def denominator(self, rows: Sequence[Row]) -> float:
        """Rows."""
        return float(len(rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Weighted sum of the rows' losses in both directions, halved."""
        own = _narrowed(outputs, len(rows.rows)) if self.options.in_batch else self.features(rows, outputs)
        queries = self.embeddings(rows, outputs) if self.options.teacher else own
        warmth = temperature(outputs)
        sums = []
        for side, other in (_SIDES, _SIDES[::-1]):
            table = self._table(own, other, outputs)
            targets = table.same / table.same.sum(1, keepdim=True)
            if alpha := self.options.distillation:
                with torch.no_grad():
                    soft = table.scores(own[side], warmth).softmax(1)
                targets = alpha * soft + (1 - alpha) * targets
            logs = table.scores(queries[side].float(), warmth).log_softmax(1).masked_fill(table.empty, 0.0)
            sums.append((-(targets * logs).sum(1) * rows.weights).sum())
        append = {name: value.detach() for name, value in own.items()} if self.options.queue else {}
        return Loss((sums[0] + sums[1]) / 2, dict(zip(self.parts, sums, strict=True)), append)

    def _table(self, own: Mapping[str, Tensor], side: str, outputs: TaskOutputs) -> "_Table":
        """What the rows are told from on one side: the batch's keys or the row's own, then the queue's."""
        found = [outputs.gathered] if self.options.in_batch else []
        found += [outputs.state] if self.options.queue else []
        keys, numbers = torch.cat([each[side] for each in found]), torch.cat([each["key"] for each in found])
        same, empty = own["key"][:, None] == numbers, (numbers == EMPTY)[None].expand(len(own["key"]), -1)
        if self.options.in_batch:
            return _Table(None, keys, same, empty)
        mine = torch.ones_like(same[:, :1])
        return _Table(own[side], keys, torch.cat([mine, same], 1), torch.cat([~mine, empty], 1))


@dataclass(frozen=True)
class _Table:
    """Keys, and which of them are a row's own media."""

    first: Tensor | None
    """A key of each row's own, `(rows, width)`, that stands before the others."""
    keys: Tensor
    """`(keys, width)`."""
    same: Tensor
    """`(rows, keys)`, those of the row's media."""
    empty: Tensor
    """`(rows, keys)`, places of the queue that hold nothing yet."""

    def scores(self, queries: Tensor, warmth: Tensor) -> Tensor:
        """Logits `(rows, keys)`."""
        scores = queries @ self.keys.T
        if self.first is not None:
            scores = torch.cat([(queries * self.first).sum(1, keepdim=True), scores], 1)
        return (scores / warmth).masked_fill(self.empty, -torch.inf)


def _narrowed(outputs: TaskOutputs, rows: int) -> dict[str, Tensor]:
    """The features of a process's own rows among those of all."""
    return {name: value[outputs.first : outputs.first + rows] for name, value in outputs.gathered.items()}


def _text_alone(view: View) -> View:
    return replace(view, media=False)


def build(options: ContrastiveOptions) -> Contrastive:
    """The objective of a recipe."""
    return Contrastive(options)
