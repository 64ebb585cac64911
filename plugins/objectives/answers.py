"""`answers`: each answer of a list has a soft score of its own (Teney et al. 2018; UNITER, Dynamic Visual Prompting).

`sum over answers of BCE(logit, score)`, the mean over samples; the answers are one question's, as its task scores them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, gelu

from multigraft import Head, Initial, Loss, Need, Objective, Row, Shapes, TaskBatch, TaskOutputs, TextPair
from multigraft.init import normal, ones, zeros
from multigraft.plugins.objectives.classification import LinearHead
from multigraft.plugins.objectives.options import AnswersOptions


class MlpHead(Head):
    """`(rows, width)` to `(rows, labels)`: `Output(GELU(Norm(Inner(x))))`, twice as wide inside."""

    def __init__(self, width: int, labels: int) -> None:
        super().__init__()
        self.inner, self.norm = nn.Linear(width, 2 * width), nn.LayerNorm(2 * width)
        self.output = nn.Linear(2 * width, labels)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.output(gelu(self.norm(self.inner(x))))  # type: ignore[no-any-return]

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), biases zero, the gain one."""
        if parameter.endswith("bias"):
            return zeros
        return ones if parameter.startswith("norm") else normal(0.02)


class Answers(Objective):
    """Soft scores of answers."""

    needs = (Need("summary"),)
    parts = ("lost",)

    def __init__(self, options: AnswersOptions) -> None:
        self.labels, self._head = list(options.labels), options.head
        self.number = {label: number for number, label in enumerate(self.labels)}

    def modules(self, shapes: Shapes) -> dict[str, Head]:
        """The head to the answers."""
        head = LinearHead if self._head == "linear" else MlpHead
        return {"labels": head(shapes.width, len(self.labels))}

    def unused(self, targets: Sequence[str]) -> Sequence[str]:
        """None: an answer may be right for one question and best for none."""
        return ()

    def denominator(self, rows: Sequence[Row]) -> float:
        """Samples."""
        return float(len(rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Weighted sum of the samples' losses; `lost` is the score of their answers that are none of the labels."""
        logits = self._logits(outputs)
        scores, lost = self._scores([sample.example for sample in rows.samples])
        losses = binary_cross_entropy_with_logits(logits, scores.to(logits.device), reduction="none").sum(1)
        return Loss((losses * rows.weights).sum(), {"lost": lost.to(logits.device).sum()})

    def label_scores(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """`(rows, labels)`: log-probabilities among the answers, in the order of their scores."""
        return self._logits(outputs).log_softmax(1)

    def _logits(self, outputs: TaskOutputs) -> Tensor:
        return outputs.module("labels", outputs.summary()).float()

    def _scores(self, examples: Sequence[TextPair]) -> tuple[Tensor, Tensor]:
        """Of the labels `(rows, labels)`, and how much of each row's answers are none `(rows,)`."""
        scores, lost = torch.zeros(len(examples), len(self.labels)), torch.zeros(len(examples))
        for row, example in enumerate(examples):
            for text, score in _answers(example):
                if text in self.number:
                    scores[row, self.number[text]] = score
                else:
                    lost[row] += score
        return scores, lost


def _answers(example: TextPair) -> list[tuple[str, float]]:
    """Those that the task scores; the target alone where it scores none."""
    if example.answers:
        return [(each.text, each.score) for each in example.answers]
    return [(example.target, 1.0)] if example.target else []


def build(options: AnswersOptions) -> Answers:
    """The objective of a recipe."""
    return Answers(options)
