"""Features of media and texts in a space that both have in common, and the temperature of their likeness."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from multigraft import Head, Initial, MultigraftError, Shapes, TaskBatch, TaskOutputs, View
from multigraft.init import normal, ones, zeros

PROJECTIONS = ("media-projection", "text-projection", "temperature")
"""Names of the modules by which media and texts are compared."""
_LEAST, _MOST = 0.001, 0.5
"""Bounds of the temperature, as in ALBEF's pre-training."""


class Projection(Head):
    """`(rows, width)` to `(rows, features)`."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.output = nn.Linear(width, features)

    def forward(self, x: Tensor) -> Tensor:
        """Features, not yet of length 1."""
        return self.output(x)  # type: ignore[no-any-return]

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02) and zero biases."""
        return zeros if parameter.endswith("bias") else normal(0.02)


class Temperature(Head):
    """A trained number that scores are divided by."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start, self.value = start, nn.Parameter(torch.empty(()))

    def forward(self) -> Tensor:
        """The number, within 0.001 and 0.5."""
        return self.value.clamp(_LEAST, _MOST)

    def initial(self, parameter: str) -> Initial:
        """As the recipe says."""
        return lambda shape, generator: ones(shape, generator) * self.start


def projections(shapes: Shapes, modality: str, width: int, start: float) -> Mapping[str, Head]:
    """The modules by which media and texts are compared.

    Raises:
        MultigraftError: there is no encoder.
    """
    if modality not in shapes.media:
        raise MultigraftError(f"it compares {modality} media with texts, and the trunk has no encoder for them")
    return {
        "media-projection": Projection(shapes.media[modality], width),
        "text-projection": Projection(shapes.width, width),
        "temperature": Temperature(start),
    }


def unit_vectors(rows: TaskBatch, outputs: TaskOutputs, modality: str, media: View, text: View) -> dict[str, Tensor]:
    """Features of length 1 of the rows' media and texts, `(rows, features)` each.

    Raises:
        MultigraftError: a row has no media.
    """
    lacking = next((row for row in rows.rows if all(m.modality != modality for m in row.sample.media)), None)
    if lacking is not None:
        name = lacking.sample.annotation.id
        raise MultigraftError(f"task '{rows.task}': its annotation {name!r} has no {modality} media")
    seen, read = outputs.view(media), outputs.view(text)
    return {
        "media": normalize(seen.module("media-projection", seen.media_summary(modality)).float(), dim=1),
        "text": normalize(read.module("text-projection", read.summary()).float(), dim=1),
    }


def temperature(outputs: TaskOutputs) -> Tensor:
    """What scores are divided by."""
    return outputs.module("temperature")
