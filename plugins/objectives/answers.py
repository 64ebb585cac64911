"""`answers`: each answer of a list has a soft score of its own (Teney et al. 2018; UNITER, Dynamic Visual Prompting).

`sum over answers of BCE(logit, score)`, the mean over samples; the answers are one question's, as its task scores them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from multigraft import Head, Loss, Need, Objective, Row, Shapes, TaskBatch, TaskOutputs, TextPair
from multigraft.plugins.objectives.heads import head_of
from multigraft.plugins.objectives.options import AnswersOptions


class Answers(Objective):
    """Soft scores of answers."""

    needs = (Need("summary"),)
    parts = ("lost",)

    def __init__(self, options: AnswersOptions) -> None:
        self.options, self.labels = options, list(options.labels)
        self.number = {label: number for number, label in enumerate(self.labels)}

    def modules(self, shapes: Shapes) -> dict[str, Head]:
        """The head to the answers."""
        return {"labels": head_of(self.options, shapes.width)}

    def refuse(self, targets: Sequence[str]) -> str | None:
        """Targets none of which is a label, from which nothing could be learned."""
        if not targets or any(target in self.number for target in targets):
            return None
        return f"none of the {len(targets)} targets looked at is one of the labels, such as {targets[0]!r}"

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
