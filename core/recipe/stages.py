"""Stages of a training: what is drawn for how many steps, and at which rate."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from multigraft.core.options.base import Section
from multigraft.core.options.component_field import Registered
from multigraft.core.options.names import Refers
from multigraft.core.options.options import SamplerOptions

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
