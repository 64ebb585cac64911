"""`classification`: a linear head over what the backbone says of a row, such as the decoder's first state."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from multigraft import Decoding, Head, Initial, MultigraftError, Objective, TaskBatch, TaskOutputs, did_you_mean
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

    reads = ("summary",)

    def __init__(self, options: ClassificationOptions) -> None:
        self.labels = list(options.labels)
        self.number = {label: number for number, label in enumerate(self.labels)}

    def make_head(self, width: int) -> Head:
        """A linear layer to the labels."""
        return LinearHead(width, len(self.labels))

    def refuse(self, targets: Sequence[str]) -> str | None:
        """A target that is none of the labels."""
        strange = [target for target in targets if target not in self.number]
        if not strange:
            return None
        return f"target {strange[0]!r} is none of the labels; {did_you_mean(strange[0], self.labels)}"

    def unused(self, targets: Sequence[str]) -> Sequence[str]:
        """Labels that no target is."""
        return [label for label in self.labels if label not in targets]

    def denominator(self, rows: TaskBatch) -> float:
        """Samples."""
        return float(len(rows.samples))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """Weighted sum of the samples' cross-entropies.

        Raises:
            MultigraftError: a target is none of the labels.
        """
        targets = torch.tensor([self._number(rows, sample.example.target) for sample in rows.samples])
        logits = outputs.head(outputs.summary()).float()
        losses = cross_entropy(logits, targets.to(logits.device), reduction="none")
        return (losses * rows.weights).sum()

    def answer(self, rows: TaskBatch, outputs: TaskOutputs, decoding: Decoding) -> list[str]:
        """The likeliest label."""
        return [self.labels[number] for number in outputs.head(outputs.summary()).argmax(dim=1).tolist()]

    def _number(self, rows: TaskBatch, target: str) -> int:
        if target not in self.number:
            known = ", ".join(self.labels)
            raise MultigraftError(f"task '{rows.task}': target {target!r} is none of the labels: {known}")
        return self.number[target]


def build(options: ClassificationOptions) -> Classification:
    """The objective of a recipe."""
    return Classification(options)
