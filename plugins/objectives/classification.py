"""`classification`: a linear head over what the backbone says of a row, such as the decoder's first state."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from multigraft import (
    Head,
    Initial,
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
from multigraft.init import normal, zeros
from multigraft.plugins.objectives.options import ClassificationOptions


class LinearHead(Head):
    """`(rows, width)` to `(rows, labels)`."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.output = nn.Linear(width, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.output(x)  # type: ignore[no-any-return]

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02) and zero biases."""
        return zeros if parameter.endswith("bias") else normal(0.02)


class Classification(Objective):
    """One label a sample."""

    needs = (Need("summary"),)

    def __init__(self, options: ClassificationOptions) -> None:
        self.labels = list(options.labels)
        self.number = {label: number for number, label in enumerate(self.labels)}

    def modules(self, shapes: Shapes) -> dict[str, Head]:
        """A linear layer to the labels."""
        return {"labels": LinearHead(shapes.width, len(self.labels))}

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
