"""`word-order`: whether the tokens of a text stand in their order or were shuffled.

The loss fades as more is told rightly: it is multiplied by 1 - the moving share of right answers.
"""

import random
from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from multigraft import (
    IGNORED,
    Head,
    Initial,
    Loss,
    Need,
    Objective,
    Row,
    RowShape,
    Shapes,
    TaskBatch,
    TaskOutputs,
    TextRow,
    View,
    Vocabulary,
)
from multigraft.init import normal, zeros
from multigraft_sample.options import WordOrderOptions

PERHAPS_SHUFFLED = View(text="perhaps-shuffled")


class OrderHead(Head):
    """`(rows, width)` to a logit for each row, `(rows, 1)`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.output = nn.Linear(width, 1)

    def forward(self, summary: Tensor) -> Tensor:
        """Above 0 for a text that was shuffled."""
        return self.output(summary)

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), and a bias of zero."""
        return zeros if parameter.endswith("bias") else normal(0.02)


class WordOrder(Objective):
    """Adds a text to each row, and reads the summary of that text."""

    needs = (Need("summary", PERHAPS_SHUFFLED),)

    def __init__(self, share: float) -> None:
        self.share = share

    def modules(self, shapes: Shapes) -> Mapping[str, Head]:
        """`order`."""
        return {"order": OrderHead(shapes.width)}

    def prepare(self, row: Row, draw: random.Random | None, vocabulary: Vocabulary) -> Row:
        """Shuffle all tokens but the first, or none; the first one's label says which."""
        draw = draw or random.Random(row.sample.annotation.id)
        ids, shuffled = row.texts["text"].ids, draw.random() < self.share
        others = range(1, len(ids))
        order = [0, *(draw.sample(others, len(others)) if shuffled else others)]
        labels = torch.full_like(ids, IGNORED)
        labels[0] = int(shuffled)
        return row.with_text(PERHAPS_SHUFFLED.text, TextRow(ids[order], labels))

    def denominator(self, rows: Sequence[Row]) -> float:
        """Rows."""
        return float(len(rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Weighted sum of cross-entropies. `labels` has one number a row, since `prepare` gave each row one."""
        seen, wanted = outputs.view(PERHAPS_SHUFFLED), rows.texts[PERHAPS_SHUFFLED.text].labels.float()
        logits = seen.module("order", seen.summary())[:, 0].float()
        losses = binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        right = ((logits > 0) == (wanted > 0)).float()
        return Loss((losses * rows.weights).sum() * (1 - outputs.state["right"]), append={"right": right})

    def state(self, shapes: Shapes, generator: Generator) -> Mapping[str, Tensor]:
        """The moving share of right answers, a scalar."""
        return {"right": torch.zeros(())}

    def append_shapes(self, shapes: Shapes) -> Mapping[str, RowShape]:
        """A number a row."""
        return {"right": ((), torch.float32)}

    def advance(self, state: Mapping[str, Tensor], appended: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Move it by a hundredth."""
        return {"right": 0.99 * state["right"] + 0.01 * appended["right"].mean()}


def build(options: WordOrderOptions) -> WordOrder:
    """The objective of a recipe."""
    return WordOrder(options.share)
