"""Objective: what one task's rows of a batch contribute to the loss.

A component's `build(options) -> Objective`; its options subclass `ObjectiveOptions`. The engine divides the sum that
`loss` gives by the denominator of the whole global batch, so micro-batches and ranks do not change the result and a
task's gradient does not depend on what else is in the batch.

A row of weight 0 counts in the denominator and is left out of every pass of training: `loss` does not see it, so that
it gives no gradient at all, not one of zero, by which momentum and weight decay would still move tensors.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.options.options import Decoding
from multigraft.core.types.batch import TextBatch
from multigraft.core.types.need import Need, View
from multigraft.core.types.part import Initial
from multigraft.core.types.preparation import VISUAL
from multigraft.core.types.row import Row
from multigraft.core.types.sample import Sample
from multigraft.core.types.tokens import Tokens
from multigraft.core.types.vocabulary import Vocabulary


@dataclass(frozen=True)
class TaskBatch:
    """The rows of one task in a batch."""

    task: str
    rows: tuple[Row, ...]
    """As they were prepared, on the host."""
    texts: Mapping[str, TextBatch]
    """By name, as in a row."""
    weights: Tensor
    """`(rows,)`."""
    media_keys: Tensor
    """`(rows,)`, equal where rows are about the same media."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The sample of each row."""
        return tuple(row.sample for row in self.rows)


class PairStates(Protocol):
    """Other pairs of a task's texts and media."""

    def summary(self) -> Tensor:
        """What heads read of each pair, `(pairs, width)`."""
        ...

    def states(self, stack: str) -> Tokens:
        """The last states of a stack, `(pairs, tokens, width)`."""
        ...


class TaskOutputs(Protocol):
    """What an objective may ask of the model for its rows, of what its `needs` name."""

    @property
    def state(self) -> Mapping[str, Tensor]:
        """What the objective keeps between steps, as it was at the start of this one; not to be written to."""
        ...

    @property
    def gathered(self) -> Mapping[str, Tensor]:
        """The objective's `features` of the task's rows in the global batch, `(all rows, ...)`."""
        ...

    @property
    def first(self) -> int:
        """Which row of `gathered` is the first of these rows."""
        ...

    def view(self, view: View) -> Self:
        """The same rows, otherwise seen: another text, the teacher's states, without media."""
        ...

    def hidden(self) -> Tensor:
        """States that predict the target tokens, `(rows, target tokens, width)`."""
        ...

    def summary(self) -> Tensor:
        """What heads read of each row, `(rows, width)`: see `Backbone.summary`."""
        ...

    def text_states(self) -> Tensor:
        """Last states of the text's own tokens in the stack that reads it, `(rows, text tokens, width)`."""
        ...

    def states(self, stack: str) -> Tokens:
        """The last states of a stack, with those of inserted tokens, and their mask."""
        ...

    def media(self, modality: str = VISUAL) -> Tokens:
        """An encoder's tokens of each row's media, `(rows, tokens, feature width)`, and their mask."""
        ...

    def media_summary(self, modality: str = VISUAL) -> Tensor:
        """One vector for a row's media, `(rows, feature width)`: the mean over its items of their class tokens, or of
        all their tokens where there are none."""
        ...

    def repaired(self, texts: Tensor, media: Tensor) -> PairStates:
        """Other pairs of these rows' texts and media: row numbers, `(pairs,)` each, on the device."""
        ...

    def logits(self, hidden: Tensor) -> Tensor:
        """The backbone's output layer: `(..., width)` to `(..., vocabulary)`."""
        ...

    def module(self, name: str, *inputs: Tensor) -> Tensor:
        """A module of the objective, with the values its owners hold."""
        ...

    def generate(self, decoding: Decoding) -> list[str]:
        """Greedy or beam output of each row."""
        ...

    def score(self, candidates: Sequence[Sequence[str]]) -> Tensor:
        """Log-probability of each row's candidates, `(rows, most candidates)`, -inf where a row has fewer."""
        ...


class Head(nn.Module, ABC):
    """A trained module of an objective; built on the meta device, called functionally."""

    @abstractmethod
    def initial(self, parameter: str) -> Initial:
        """The start value of one of its parameters, by name."""


@dataclass(frozen=True)
class Shapes:
    """Widths that an objective's modules stand between."""

    width: int
    """Of the backbone."""
    media: Mapping[str, int] = field(default_factory=dict)
    """Of the encoders' tokens, by modality."""


RowShape = tuple[tuple[int, ...], torch.dtype]
"""Shape and dtype of what one row gives."""


@dataclass(frozen=True)
class Loss:
    """What an objective makes of its rows."""

    sum: Tensor
    """Over the rows, a scalar; none of them has weight 0 in training."""
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    """Sums that are shown beside it: exactly the objective's `parts`."""
    append: Mapping[str, Tensor] = field(default_factory=dict)
    """What `advance` is given of these rows, `(rows, ...)`."""


class Objective(ABC):
    """A loss over one task's rows."""

    splittable = True
    """Whether the loss is a sum over samples, so that micro-batches may split it."""
    least_rows = 1
    """Rows of the task that a loss makes sense for."""
    needs: Collection[Need] = ()
    """What `loss`, `features` and `label_scores` read of the trunk; nothing else is computed."""
    borrows: Collection[str] = ()
    """Names of modules that it reads, and another objective of its task has and trains."""
    parts: Sequence[str] = ()
    """Names of the sums that its loss shows beside it."""
    labels: Sequence[str] = ()
    """What `label_scores` tells apart; empty where it tells nothing apart."""
    embeds: Collection[str] = ()
    """What `embeddings` gives vectors of: `media`, `text`."""

    def modules(self, shapes: Shapes) -> Mapping[str, Head]:
        """Its trained modules by name; objectives of a task that give equal names have one module together."""
        return {}

    def state(self, shapes: Shapes, generator: torch.Generator) -> Mapping[str, Tensor]:
        """What it keeps between steps, such as a queue: the start values. It is saved with the run."""
        return {}

    def advance(self, state: Mapping[str, Tensor], appended: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The state of the next step, after optimizer and teacher have moved.

        Args:
            appended: `Loss.append` of all micro-batches and processes, in the global batch's order; called where there
                is any.
        """
        return state

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """Why it cannot work over this backbone, such as one that predicts no targets; None where it can. Said by
        `check`."""
        return None

    def refuse(self, targets: Sequence[str]) -> str | None:
        """Why training on these targets would fail; None where it is well. Said by `check`.

        Args:
            targets: different targets of some annotations of the task.
        """
        return None

    def unused(self, targets: Sequence[str]) -> Sequence[str]:
        """Texts of its options that are meant to be targets and are none of these. Refused by `check` where `targets`
        are all there are, else noted."""
        return ()

    def prepare(self, row: Row, draw: random.Random | None, vocabulary: Vocabulary) -> Row:
        """Edit or add texts of a row, on the host, before it joins a batch.

        Args:
            draw: seeded by (seed, epoch, annotation id), so that a row is the same whatever is around it; None in
                evaluation, where what is drawn depends on the annotation alone.
        """
        return row

    def features(self, rows: TaskBatch, outputs: TaskOutputs) -> Mapping[str, Tensor]:
        """What all of the task's rows of a global batch see of each other, `(rows, ...)`: exactly `feature_shapes`."""
        return {}

    def feature_shapes(self, shapes: Shapes) -> Mapping[str, RowShape]:
        """Shape and dtype of each of the `features` of a row: a process without rows of the task takes part with
        none."""
        return {}

    def append_shapes(self, shapes: Shapes) -> Mapping[str, RowShape]:
        """Shape and dtype of what `loss` appends of a row, for objectives with a state."""
        return {}

    def embeddings(self, rows: TaskBatch, outputs: TaskOutputs) -> Mapping[str, Tensor]:
        """Unit vectors of what `embeds` names, `(rows, width)` each."""
        raise NotImplementedError

    def label_scores(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """Log-probabilities of its `labels`, `(rows, labels)`."""
        raise NotImplementedError

    @abstractmethod
    def denominator(self, rows: Sequence[Row]) -> float:
        """What the loss sum is divided by, of prepared rows on the host: samples, tokens or weights."""

    @abstractmethod
    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Loss:
        """The loss over the rows."""
