"""`generation`: cross-entropy of the target's tokens (VL-T5, section 3.3; VL-Adapter's three reductions)."""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy

from multigraft import Backbone, Loss, Need, Objective, Row, TaskBatch, TaskOutputs
from multigraft.plugins.objectives.options import GenerationOptions


class Generation(Objective):
    """Train on the target text."""

    needs = (Need("targets"),)

    def __init__(self, options: GenerationOptions) -> None:
        self.options = options

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        if backbone.predicts is not None:
            return None
        return "this backbone predicts no targets, by which it trains; take `classification`"

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


def build(options: GenerationOptions) -> Generation:
    """The objective of a recipe."""
    return Generation(options)
