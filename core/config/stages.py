"""Stages of a training: what is drawn for how many steps, and at which rate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from multigraft.core.config.names import Refers
from multigraft.core.config.options import Section
from multigraft.core.config.reference import Registered
from multigraft.core.config.sampler_options import SamplerOptions

if TYPE_CHECKING:
    from multigraft.core.config.recipe import TrainSection

Schedule = Literal["linear", "cosine", "constant"]


class Stage(Section):
    """A part of the training with a choice of tasks and a schedule of its own; moments of the optimizer go on."""

    steps: int = Field(ge=1)
    """Optimizer steps of this stage."""
    tasks: list[Annotated[str, Refers("task")]] | None = Field(None, min_length=1)
    """Tasks that are drawn; all if left out."""
    sampler: Annotated[SamplerOptions, Registered("samplers")] | None = None
    """How these tasks share the batch; `train.sampler` if left out."""
    rate: float | None = Field(None, gt=0)
    """Peak learning rate; `train.optimizer.rate` if left out."""
    warmup: float | None = Field(None, ge=0, le=1)
    """Share of the stage's steps in which the rate rises linearly; `train.optimizer.warmup` if left out."""
    schedule: Schedule | None = None
    """How the rate falls after the warm-up; `train.optimizer.schedule` if left out."""

    @field_validator("tasks")
    @classmethod
    def _each_task_once(cls, tasks: list[str] | None) -> list[str] | None:
        if tasks and len(set(tasks)) < len(tasks):
            raise ValueError("a task is named twice")
        return tasks


@dataclass(frozen=True)
class Span:
    """A stage with nothing left out, and where in the training it lies."""

    number: int
    """Counted from 1."""
    start: int
    """Steps before it."""
    steps: int
    tasks: tuple[str, ...] | None
    """None for all of the recipe."""
    sampler: SamplerOptions
    rate: float
    warmup: float
    schedule: Schedule

    def of(self, tasks: Iterable[str]) -> list[str]:
        """Those of a recipe's tasks that are drawn, in the recipe's order."""
        return [task for task in tasks if self.tasks is None or task in self.tasks]

    def in_words(self, tasks: Iterable[str]) -> str:
        """Its steps, rate and tasks."""
        return f"steps {self.start + 1:,} to {self.stop:,}, rate {self.rate:g}, tasks {', '.join(self.of(tasks))}"

    @property
    def stop(self) -> int:
        """Steps made when it is over."""
        return self.start + self.steps


def spans(train: "TrainSection") -> list[Span]:
    """The stages of a training in their order; one for the whole of it where the recipe has none."""
    found: list[Span] = []
    optimizer = train.optimizer
    for number, stage in enumerate(train.stages or [Stage(steps=train.steps)], 1):
        found.append(
            Span(
                number,
                found[-1].stop if found else 0,
                stage.steps,
                None if stage.tasks is None else tuple(stage.tasks),
                stage.sampler or train.sampler,
                optimizer.rate if stage.rate is None else stage.rate,
                optimizer.warmup if stage.warmup is None else stage.warmup,
                stage.schedule or optimizer.schedule,
            )
        )
    return found


def span_at(step: int, among: Sequence[Span]) -> Span:
    """The stage that step `step` (counted from 0) belongs to; the last one goes on behind its end."""
    return next((span for span in among if step < span.stop), among[-1])
