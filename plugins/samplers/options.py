"""Options of the samplers."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator

from multigraft import Refers, SamplerOptions


class ProportionalOptions(SamplerOptions):
    """Each task in proportion to its number of annotations."""


class TemperatureOptions(SamplerOptions):
    """Between proportional and equal: a task's share is proportional to `size ** (1 / value)`."""

    value: float = Field(2.0, ge=1.0, le=1e6)
    """1 is proportional; the higher, the nearer to equal."""


class EqualOptions(SamplerOptions):
    """The same share for each task."""


class WeightsOptions(SamplerOptions):
    """Shares given by task."""

    weights: dict[Annotated[str, Refers("task")], float] = Field(min_length=1)
    """Weight of every task; they need not sum to 1, and 0 leaves a task out."""

    @field_validator("weights")
    @classmethod
    def _some_weight(cls, weights: dict[str, float]) -> dict[str, float]:
        if min(weights.values()) < 0 or max(weights.values()) <= 0:
            raise ValueError("weights are 0 or more, and at least one is more than 0")
        return weights


class RoundRobinOptions(SamplerOptions):
    """The whole batch of a step is of one task; the tasks take turns in the recipe's order."""


class OneTaskOptions(SamplerOptions):
    """The whole batch of a step is of one task, drawn in proportion to its batches without replacement.

    In an epoch every annotation of every task is seen once; the last batch of a task in an epoch has what is left.
    """

    batches: dict[Annotated[str, Refers("task")], Annotated[int, Field(ge=1, le=65_536)]] = Field({})
    """Samples in a batch of a task; `train.batch` for a task that is left out."""

    def largest_batch(self, tasks: Sequence[str], batch: int) -> int:
        """The largest of the tasks' batches."""
        return max(self.batches.get(task, batch) for task in tasks)
