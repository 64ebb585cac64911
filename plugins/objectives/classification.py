"""`classification`: a head over what the backbone says of a row, such as the decoder's first state."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from multigraft import (
    Head,
    Loss,
    MultigraftError,
    Need,
    Objective,
    Row,
    Shapes,
    TaskBatch,
    TaskOutputs,
    TextRow,
    Vocabulary,
    did_you_mean,
)
from multigraft.plugins.objectives.heads import head_of
from multigraft.plugins.objectives.options import ClassificationOptions


class Classification(Objective):
    """One label a sample."""

    needs = (Need("summary"),)

    def __init__(self, options: ClassificationOptions) -> None:
        self.options, self.labels = options, list(options.labels)
        self.number = {label: number for number, label in enumerate(self.labels)}

    def modules(self, shapes: Shapes) -> dict[str, Head]:
        """The head to the labels."""
        return {"labels": head_of(self.options, shapes.width)}

    def refuse(self, targets: Sequence[str]) -> str | None:
        """A target that is none of the labels."""
        strange = [target for target in targets if target not in self.number]
        if not strange:
            return None
        return f"target {strange[0]!r} is none of the labels; {did_you_mean(strange[0], self.labels)}"

    def unused(self, targets: Sequence[str]) -> Sequence[str]:
        """Labels that no target is."""
        return [label for label in self.labels if label not in targets]

    def prepare(self, row: Row, draw: random.Random | None, vocabulary: Vocabulary) -> Row:
        """Add the label: a text of one token, the label's number; none where the target is no label."""
        number = self.number.get(row.sample.example.target)
        ids = torch.tensor([] if number is None else [number], dtype=torch.long)
        return row.with_text("label", TextRow(ids, labels=ids))

    def denominator(self, rows: Sequence[Row]) -> float:
        """Samples."""
        return float(len(rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Weighted sum of the samples' cross-entropies.

        Raises:
            MultigraftError: a target is none of the labels.
        """
        self._refuse_other_targets(rows)
        losses = cross_entropy(self._logits(outputs), rows.texts["label"].labels, reduction="none")
        return Loss((losses * rows.weights).sum())

    def label_scores(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """`(rows, labels)`."""
        return self._logits(outputs).log_softmax(1)

    def _logits(self, outputs: TaskOutputs) -> Tensor:
        return outputs.module("labels", outputs.summary()).float()

    def _refuse_other_targets(self, rows: TaskBatch) -> None:
        for sample in rows.samples:
            if sample.example.target not in self.number:
                known = ", ".join(self.labels)
                raise MultigraftError(
                    f"task '{rows.task}': target {sample.example.target!r} is none of the labels: {known}"
                )


def build(options: ClassificationOptions) -> Classification:
    """The objective of a recipe."""
    return Classification(options)
