"""Stages of a training: what is drawn for how many steps, and at which rate."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from multigraft.core.options.base import Section
from multigraft.core.options.component_field import Registered
from multigraft.core.options.names import Refers
from multigraft.core.options.options import SamplerOptions

Schedule = Literal["linear", "cosine", "constant"]
BOTH_LENGTHS = "`steps` and `epochs` both say how long; give one of them"


class Stage(Section):
    """A part of the training with a choice of tasks and a schedule of its own; moments of the optimizer go on."""

    epochs: int | None = Field(None, ge=1)
    """Epochs of this stage, in the place of `steps`."""
    steps: int = Field(0, ge=1, validate_default=False)
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

    @model_validator(mode="after")
    def _one_length(self) -> "Stage":
        if "steps" in self.model_fields_set and self.epochs is not None:
            raise ValueError(BOTH_LENGTHS)
        if self.steps == 0 and self.epochs is None:
            raise ValueError("a stage says how long it is: `steps` or `epochs`")
        return self

    @model_serializer(mode="wrap")
    def _write_one_length(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        unsaid = "epochs" if self.epochs is None else "steps"
        return {name: value for name, value in written.items() if name != unsaid}

    @field_validator("tasks")
    @classmethod
    def _each_task_once(cls, tasks: list[str] | None) -> list[str] | None:
        if tasks and len(set(tasks)) < len(tasks):
            raise ValueError("a task is named twice")
        return tasks
