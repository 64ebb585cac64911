"""`matching`: whether media and text belong together (image-text matching; ALBEF, Li et al. 2021, section 3.2).

Beside each row's own pair stand its text with the media of another row, and its media with the text of another one.
These are drawn evenly, or in proportion to how alike the student finds them; never from rows about the same media, and
only from rows of the same process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from multigraft import Head, Loss, Need, Objective, Row, Shapes, TaskBatch, TaskOutputs, View
from multigraft.plugins.objectives.contrastive import TEXT_ALONE
from multigraft.plugins.objectives.heads import LinearHead
from multigraft.plugins.objectives.options import MatchingOptions
from multigraft.plugins.objectives.projections import PROJECTIONS, temperature, unit_vectors

_LEAST = 1e-4
"""Added to every weight, so that a row always finds another one (BLIP)."""


class Matching(Objective):
    """Two labels: whether a pair is one of the data."""

    splittable = False
    least_rows = 2

    def __init__(self, options: MatchingOptions) -> None:
        self.options, self.labels = options, list(options.labels)
        self.needs = [Need("summary"), Need("pairs")]
        self._keys: View = View(values="teacher") if options.teacher else View()
        if options.negatives == "alike":
            self.borrows = PROJECTIONS
            for view in {View(), self._keys}:
                self.needs += [Need("media", view), Need("summary", replace(view, media=False))]

    def modules(self, shapes: Shapes) -> Mapping[str, Head]:
        """A linear layer to both labels; what measures likeness is that of `contrastive`."""
        return {"match": LinearHead(shapes.width, 2)}

    def denominator(self, rows: Sequence[Row]) -> float:
        """Pairs: three a row, or one where there is no other media."""
        return float(len(rows) * (3 if _differ([row for row in rows if row.weight]) else 1))

    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """Weighted sum over the pairs; a pair weighs as the row that it was made for."""
        states, weights = outputs.summary(), rows.weights
        matching = [torch.ones_like(rows.media_keys)]
        if _differ([row for row in rows.rows if row.weight]):
            media, texts = self.negatives(rows, outputs)
            own = torch.arange(len(rows.rows), device=weights.device)
            pairs = outputs.repaired(torch.cat([own, texts]), torch.cat([media, own]))
            states, weights = torch.cat([states, pairs.summary()]), weights.repeat(3)
            matching += [torch.zeros_like(matching[0])] * 2
        logits = outputs.module("match", states).float()
        losses = cross_entropy(logits, torch.cat(matching), reduction="none")
        return Loss((losses * weights).sum())

    def negatives(self, rows: TaskBatch, outputs: TaskOutputs) -> tuple[Tensor, Tensor]:
        """For each row's text the media of another row, and for its media the text of another one, `(rows,)` each."""
        keys = rows.media_keys
        different = keys[:, None] != keys
        media, texts = self._likeness(rows, outputs, different)
        drawn = [torch.multinomial((each + _LEAST) * different, 1)[:, 0] for each in (media, texts)]
        return drawn[0], drawn[1]

    @torch.no_grad()
    def _likeness(self, rows: TaskBatch, outputs: TaskOutputs, different: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of media for each text, and of texts for each media, `(rows, rows)`."""
        if self.options.negatives == "even":
            return different.float(), different.float()
        modality, text = self.options.modality, replace(self._keys, media=False)
        own = unit_vectors(rows, outputs, modality, View(), TEXT_ALONE)
        keys = unit_vectors(rows, outputs, modality, self._keys, text) if self.options.teacher else own
        warmth = temperature(outputs)
        media = (own["text"] @ keys["media"].T / warmth).softmax(1)
        return media, (own["media"] @ keys["text"].T / warmth).softmax(1)

    def label_scores(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """Of each row's own pair, `(rows, 2)`."""
        return outputs.module("match", outputs.summary()).float().log_softmax(1)


def _differ(rows: Sequence[Row]) -> bool:
    """Whether rows are about different media, so that each has a negative."""
    return len({row.media_name for row in rows}) > 1


def build(options: MatchingOptions) -> Matching:
    """The objective of a recipe."""
    return Matching(options)
