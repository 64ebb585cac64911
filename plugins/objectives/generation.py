"""`generation`: cross-entropy of the target's tokens (VL-T5, section 3.3; VL-Adapter's three reductions)."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from multigraft import IGNORED, Backbone, Decoding, MultigraftError, Objective, TaskBatch, TaskOutputs
from multigraft.plugins.objectives.options import GenerationOptions


class Generation(Objective):
    """Train on the target text; answer by generating, or by scoring candidates."""

    reads = ("hidden",)

    def __init__(self, options: GenerationOptions) -> None:
        self.options = options

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        if backbone.predicts is not None:
            return None
        return "this backbone predicts no targets, by which it trains and answers; take `classification`"

    def denominator(self, rows: TaskBatch) -> float:
        """Tokens, samples, or the sum of weights."""
        if self.options.reduction == "token-mean":
            return float((rows.target_ids != IGNORED).sum())
        if self.options.reduction == "weighted":
            return float(rows.weights.sum())
        return float(len(rows.samples))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """Sum over the rows. The output layer runs only where a token counts."""
        counted = rows.target_ids != IGNORED
        logits = outputs.logits(outputs.hidden()[counted]).float()
        losses = cross_entropy(
            logits, rows.target_ids[counted], reduction="none", label_smoothing=self.options.smoothing
        )
        by_row = torch.zeros_like(rows.weights).index_add(0, counted.nonzero()[:, 0], losses)
        if self.options.reduction != "token-mean":
            by_row = by_row / counted.sum(1).clamp(min=1)
        return (by_row * rows.weights).sum()

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
