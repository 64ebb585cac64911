"""`masked-words`: the hidden words of a text are predicted from the others (Devlin et al. 2019).

Each token is chosen with the probability `share`; of those chosen 80 % are hidden, 10 % are replaced by a word of the
whole vocabulary, and 10 % stay. What fills up and what begins a text are never chosen. With a teacher the loss of a
token is `(1 - alpha) * cross-entropy + alpha * cross-entropy to the teacher's distribution` (ALBEF, Li et al. 2021).
"""

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from multigraft import (
    IGNORED,
    Backbone,
    Loss,
    Need,
    Objective,
    Row,
    TaskBatch,
    TaskOutputs,
    TextRow,
    View,
    Vocabulary,
)
from multigraft.plugins.objectives.options import MaskedWordsOptions

MASKED = "masked"
_HIDDEN, _REPLACED = 0.8, 0.5
"""Shares of what is chosen, and of the rest."""


class MaskedWords(Objective):
    """A loss over the words that were hidden."""

    def __init__(self, options: MaskedWordsOptions) -> None:
        self.options = options
        self.student, self.teacher = View(text=MASKED), View(text=MASKED, values="teacher")
        views = [self.student, self.teacher] if options.distillation else [self.student]
        self.needs = [Need("states", view) for view in views]

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One whose output layer reads the states of targets, or whose tokenizer has no hidden word."""
        if backbone.predicts is not None:
            return "its words are predicted from the states of targets; take `generation`"
        return "its tokenizer has no token for a hidden word" if backbone.vocabulary.mask is None else None

    def prepare(self, row: Row, draw: random.Random | None, vocabulary: Vocabulary) -> Row:
        """Add the text with hidden words; in evaluation the annotation alone decides which."""
        draw = draw or random.Random(row.sample.annotation.id)
        return row.with_text(MASKED, hide_words(row.texts["text"].ids, vocabulary, self.options.share, draw))

    def denominator(self, rows: Sequence[Row]) -> float:
        """Words that were chosen."""
        return float(sum(int((_labels(row) != IGNORED).sum()) for row in rows))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Weighted sum over the words that were chosen."""
        text, alpha = rows.texts[MASKED], self.options.distillation
        logits = self._logits(text.places, outputs.view(self.student))
        losses = cross_entropy(logits, text.labels, reduction="none")
        if alpha:
            teacher = self._logits(text.places, outputs.view(self.teacher)).softmax(-1)
            losses = (1 - alpha) * losses + alpha * cross_entropy(logits, teacher, reduction="none")
        return Loss((losses * rows.weights[text.rows]).sum())

    def _logits(self, places: Tensor, outputs: TaskOutputs) -> Tensor:
        return outputs.logits(outputs.text_states().flatten(0, 1)[places]).float()


def hide_words(ids: Tensor, vocabulary: Vocabulary, share: float, draw: random.Random) -> TextRow:
    """A text `(tokens,)` with hidden words, and the words themselves as labels; one at least where any may be."""
    masked, labels = ids.clone(), torch.full_like(ids, IGNORED)
    allowed = [place for place, word in enumerate(ids.tolist()) if word not in vocabulary.kept]
    chosen = [place for place in allowed if draw.random() < share] or (draw.sample(allowed, 1) if allowed else [])
    for place in chosen:
        labels[place] = ids[place]
        if draw.random() < _HIDDEN:
            masked[place] = vocabulary.mask or 0
        elif draw.random() < _REPLACED:
            masked[place] = draw.randrange(vocabulary.size)
    return TextRow(masked, labels)


def _labels(row: Row) -> Tensor:
    labels = row.texts[MASKED].labels
    assert labels is not None
    return labels


def build(options: MaskedWordsOptions) -> MaskedWords:
    """The objective of a recipe."""
    return MaskedWords(options)
