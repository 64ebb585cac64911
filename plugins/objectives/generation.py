"""`generation`: cross-entropy of the target's tokens (VL-T5, section 3.3; VL-Adapter's three reductions)."""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy

from multigraft import Backbone, Decoding, Loss, MultigraftError, Need, Objective, Row, TaskBatch, TaskOutputs
from multigraft.plugins.objectives.options import GenerationOptions


class Generation(Objective):
    """Train on the target text; answer by generating, or by scoring candidates."""

    needs = (Need("targets"),)

    def __init__(self, options: GenerationOptions) -> None:
        self.options = options

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        if backbone.predicts is not None:
            return None
        return "this backbone predicts no targets, by which it trains and answers; take `classification`"

    def denominator(self, rows: Sequence[Row]) -> float:
        """Tokens, samples, or the sum of weights."""
        if self.options.reduction == "token-mean":
            return float(sum(len(row.texts["target"].ids) for row in rows))
        if self.options.reduction == "weighted":
            return float(torch.tensor([row.weight for row in rows], dtype=torch.float32).sum())
        return float(len(rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Sum over the rows. The output layer runs only where a token counts."""
        target = rows.texts["target"]
        logits = outputs.logits(outputs.hidden().flatten(0, 1)[target.places]).float()
        losses = cross_entropy(logits, target.labels, reduction="none", label_smoothing=self.options.smoothing)
        by_row = torch.zeros_like(rows.weights).index_add(0, target.rows, losses)
        if self.options.reduction != "token-mean":
            by_row = by_row / target.mask.sum(1).clamp(min=1)
        return Loss((by_row * rows.weights).sum())

    def answer(self, rows: TaskBatch, outputs: TaskOutputs, decoding: Decoding) -> list[str]:
        """The generated text, or the likeliest of each sample's choices.

        Raises:
            MultigraftError: choices are wanted, and a sample has none.
        """
        if decoding.candidates == "none":
            return outputs.generate(decoding)
        choices = [sample.example.choices for sample in rows.samples]
        if not all(choices):
            lacking = next(sample for sample in rows.samples if not sample.example.choices)
            raise MultigraftError(
                f"task '{rows.task}': `decoding.candidates: choices`, and its annotation {lacking.annotation.id!r} "
                "has no choices; say `candidates: none` to generate answers"
            )
        best = outputs.score(choices).argmax(dim=1).tolist()
        return [texts[number] for texts, number in zip(choices, best, strict=True)]


def build(options: GenerationOptions) -> Generation:
    """The objective of a recipe."""
    return Generation(options)
