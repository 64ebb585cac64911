"""Samples to rows: texts within limits become tokens, and objectives add what they train on."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.data.seeding import seeded
from multigraft.core.data.tokens import tokenize_inputs, tokenize_targets
from multigraft.core.errors import MultigraftError
from multigraft.core.types.row import TARGET, TEXT, Row, TextRow
from multigraft.core.types.vocabulary import Vocabulary

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.types.sample import Sample

Prepare = Callable[[Row, random.Random | None, Vocabulary], Row]


@dataclass(frozen=True)
class TextLimits:
    """Longest texts of a task, in tokens."""

    text: int
    target: int


@dataclass(frozen=True)
class RowMaker:
    """Makes rows of samples; may be called from several threads where the backbone's tokenizer may."""

    backbone: "Backbone"
    limits: Mapping[str, TextLimits]
    """By task."""
    prepare: Mapping[str, Sequence[Prepare]] = field(default_factory=dict)
    """What the objectives of each task do to a row; drawn by (seed, epoch, annotation id)."""
    seed: int = 0
    writing: Mapping[str, "Backbone"] = field(default_factory=dict)
    """The backbone with the form of texts that a task has, by task; as it is for those left out."""

    def rows(self, samples: Sequence["Sample"]) -> list[Row]:
        """A row for each sample, in their order.

        Raises:
            MultigraftError: two objectives of a task add a text of one name, with other values.
        """
        made: list[Row | None] = [None] * len(samples)
        vocabulary = self.backbone.vocabulary
        for task in dict.fromkeys(sample.task for sample in samples):
            numbers = [number for number, sample in enumerate(samples) if sample.task == task]
            for number, row in zip(numbers, self._of_task(task, [samples[each] for each in numbers]), strict=True):
                made[number] = self._prepared(row, vocabulary)
        return [row for row in made if row is not None]

    def _of_task(self, task: str, samples: Sequence["Sample"]) -> list[Row]:
        limits, examples = self.limits[task], [sample.example for sample in samples]
        backbone = self.writing.get(task, self.backbone)
        ids, mask, cut = tokenize_inputs(backbone, examples, limits.text)
        targets, cut_targets = tokenize_targets(backbone, [each.target for each in examples], limits.target)
        texts, wanted = _trimmed(ids, mask), _trimmed(targets, targets >= 0)
        return [
            Row(sample, {TEXT: TextRow(text), TARGET: TextRow(target, labels=target)}, lost | other)
            for sample, text, target, lost, other in zip(samples, texts, wanted, cut, cut_targets, strict=True)
        ]

    def _prepared(self, row: Row, vocabulary: "Vocabulary") -> Row:
        sample, draw = row.sample, None
        if sample.epoch is not None:
            draw = random.Random(seeded("prepare", self.seed, sample.epoch, sample.annotation.id))
        given = row.texts.keys()
        for prepare in self.prepare.get(row.task, ()):
            before, row = row, prepare(row, draw, vocabulary)
            _refuse_replaced(before, row, given)
        return row


def _refuse_replaced(before: Row, after: Row, given: Collection[str]) -> None:
    """Refuse other values for a text that an objective has added already; texts that were `given` may change."""
    for name in before.texts.keys() - given:
        if not _same(before.texts[name], after.texts.get(name)):
            told = f"two objectives of task {before.task!r} both add the text {name!r} to a row, with other values"
            raise MultigraftError(f"{told}; a task can have one of them")


def _same(first: TextRow, second: TextRow | None) -> bool:
    if second is None or (first.labels is None) != (second.labels is None):
        return False
    pairs = [(first.ids, second.ids)]
    if first.labels is not None and second.labels is not None:
        pairs.append((first.labels, second.labels))
    return all(torch.equal(one, other) for one, other in pairs)


def _trimmed(ids: Tensor, mask: Tensor) -> list[Tensor]:
    """The real tokens of each row, which stand first."""
    return [row[:length] for row, length in zip(ids.unbind(), mask.sum(1).tolist(), strict=True)]
