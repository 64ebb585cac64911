"""Options of the samplers."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from multigraft import Refers, SamplerOptions, Section


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


class Knot(Section):
    """What the shares of the tasks are at a step."""

    at: int = Field(ge=0)
    """Step."""
    weights: dict[Annotated[str, Refers("task")], Annotated[float, Field(ge=0)]] = Field({})
    """Weight of every task; they need not sum to 1."""
    temperature: float | None = Field(None, ge=1.0, le=1e6)
    """In the place of weights: shares proportional to `size ** (1 / temperature)`."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Knot":
        if bool(self.weights) == (self.temperature is not None):
            raise ValueError("it says either `weights` or `temperature`")
        if self.weights and not any(self.weights.values()):
            raise ValueError("at least one weight is more than 0")
        return self


class ScheduleOptions(SamplerOptions):
    """Shares that change over the training: from knot to knot in a straight line, and as at the last one after it.

    A stretch between two knots is walked in 100 levels at most.
    """

    knots: list[Knot] = Field(min_length=2)
    """Steps and shares, the first at step 0."""

    @field_validator("knots")
    @classmethod
    def _rising(cls, knots: list[Knot]) -> list[Knot]:
        steps = [knot.at for knot in knots]
        if steps[0] != 0 or steps != sorted(set(steps)):
            raise ValueError("knots begin at step 0 and rise")
        return knots


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
