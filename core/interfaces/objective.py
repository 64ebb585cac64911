"""Objective: what one task's rows of a batch contribute to the loss, and how an answer is read off.

A component's `build(options) -> Objective`. The engine divides the sum that `loss` gives by the denominator of the
whole global batch, so micro-batches and ranks do not change the result and a task's gradient does not depend on what
else is in the batch.

A row of weight 0 counts in the denominator and is left out of every pass of training: `loss` does not see it there, so
that it gives no gradient at all, not one of zero, by which momentum and weight decay would still move tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Generator, Tensor, nn

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.options.options import Decoding
from multigraft.core.types.batch import Sample
from multigraft.core.types.part import Initial
from multigraft.core.types.tokens import Tokens


@dataclass(frozen=True)
class TaskBatch:
    """The rows of one task in a batch, before the trunk."""

    task: str
    samples: tuple[Sample, ...]
    text_ids: Tensor
    """`(rows, text tokens)`."""
    text_mask: Tensor
    target_ids: Tensor
    """`(rows, target tokens)`, `IGNORED` at padding."""
    weights: Tensor
    """`(rows,)`."""


class TaskOutputs(Protocol):
    """What an objective may ask of the model for its rows."""

    def hidden(self) -> Tensor:
        """States that predict the target tokens, `(rows, target tokens, width)`."""
        ...

    def summary(self) -> Tensor:
        """What heads read of each row, `(rows, width)`: see `Backbone.summary`."""
        ...

    def states(self, stack: str) -> Tokens:
        """The last states of a stack, with those of inserted tokens, and their mask."""
        ...

    def logits(self, hidden: Tensor) -> Tensor:
        """The backbone's output layer: `(..., width)` to `(..., vocabulary)`."""
        ...

    def head(self, x: Tensor) -> Tensor:
        """The objective's own head, with the values its owners hold."""
        ...

    def generate(self, decoding: Decoding) -> list[str]:
        """Greedy or beam output of each row."""
        ...

    def score(self, candidates: Sequence[Sequence[str]]) -> Tensor:
        """Log-probability of each row's candidates, `(rows, most candidates)`, -inf where a row has fewer."""
        ...


class Head(nn.Module, ABC):
    """A trained head of an objective; built on the meta device, called functionally."""

    @abstractmethod
    def initial(self, parameter: str) -> Initial:
        """The start value of one of its parameters, by name."""


class Objective(ABC):
    """A loss over one task's rows, and a way to answer."""

    splittable = True
    """Whether the loss is a sum over samples, so that micro-batches may split it."""
    reads: Collection[str] = ("hidden", "summary", "states")
    """What its loss asks of `TaskOutputs`, of these three: with `train.shard` every process makes the passes for these,
    and no others; the fewer the faster."""

    def make_head(self, width: int) -> Head | None:
        """A trained head over the backbone's states, if the objective needs one."""
        return None

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

    def prepare(self, rows: TaskBatch, generator: Generator) -> TaskBatch:
        """Edit the inputs before the trunk, in training only."""
        return rows

    @abstractmethod
    def denominator(self, rows: TaskBatch) -> float:
        """What the loss sum is divided by, from the inputs alone: samples, tokens or weights of all rows."""

    @abstractmethod
    def loss(self, rows: TaskBatch, outputs: TaskOutputs) -> Tensor:
        """Sum of the loss over the rows, a scalar. In training, none of them has weight 0."""

    @abstractmethod
    def answer(self, rows: TaskBatch, outputs: TaskOutputs, decoding: Decoding) -> list[str]:
        """One output text a row."""
