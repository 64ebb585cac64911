"""How long a recipe trains, and how."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from multigraft.core.options.base import Section, as_written
from multigraft.core.options.component_field import Registered
from multigraft.core.options.names import Refers
from multigraft.core.options.sampler_options import SamplerOptions

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


LARGEST_BATCH = 65_536
"""Samples in a batch, at most."""

_Decay = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Section):
    """AdamW."""

    rate: float = Field(1e-3, gt=0)
    """Peak learning rate."""
    betas: tuple[_Decay, _Decay] = (0.9, 0.999)
    """Decay of the running moments."""
    epsilon: float = Field(1e-8, gt=0)
    """Added to the root of the second moment."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled weight decay; tensors of one dimension are never decayed."""
    clip: float | None = Field(1.0, gt=0)
    """Largest norm of the whole gradient; none for no clipping."""
    warmup: float = Field(0.05, ge=0, le=1)
    """Share of the steps in which the rate rises linearly."""
    schedule: Schedule = "linear"
    """How the rate falls after the warm-up."""


def _steps_of_stages(given: dict[str, Any]) -> int:
    stages = given.get("stages") or ()
    in_epochs = given.get("epochs") is not None or any(stage.epochs is not None for stage in stages)
    return 0 if in_epochs else sum(stage.steps for stage in stages) or 1000


class Teacher(Section):
    """The moving average of what is trained, for objectives that learn from one."""

    momentum: float = Field(0.995, ge=0, lt=1)
    """How much of the teacher stays at each step: `momentum * teacher + (1 - momentum) * student`."""


class Bucketing(Section):
    """Samples of about one length go into one batch; the mix of the tasks stays, and each sample is drawn as often."""

    SPREAD: ClassVar[int] = 4
    """How many times as many samples as on average, or as few, a batch of a length alike may have."""
    steps: int = Field(32, ge=2, le=4096)
    """Steps in a row whose samples are dealt out to them by length; the more, the more alike a batch's lengths are."""
    alike: Literal["samples", "length"] = "samples"
    """What these steps have alike: `samples`, as many of each task as without buckets, or `length`, about as much text,
    so that a batch of short texts has more samples, and one of long texts fewer: four times as many, or a quarter, at
    most."""


class TrainSection(Section):
    """How long and how.

    The steps of epochs are known once the data are opened (`RunData.with_steps`), and are 0 before.
    """

    stages: list[Stage] = Field([])
    """Stages one after another, each with its own tasks, sampler and rate; one for all steps if left out."""
    epochs: int | None = Field(None, ge=1)
    """Epochs, in the place of `steps`: one has as many samples as all tasks have together, or what the sampler says."""
    steps: int = Field(default_factory=_steps_of_stages, ge=1, validate_default=False)
    """Optimizer steps; those of all stages together where there are any."""
    batch: int = Field(32, ge=1, le=LARGEST_BATCH)
    """Samples in a global batch, all tasks together; a sampler may have batches of its own sizes."""
    micro_batch: int | None = Field(None, ge=1, le=LARGEST_BATCH)
    """Samples in one pass, at most; a batch is cut where least is padded. The result does not change."""
    micro_length: int | None = Field(None, ge=1)
    """Rows of one pass times the longest of them, in tokens of text and, by estimate, of media, at most; a longer row
    makes a pass of its own. The result does not change."""
    bucketing: Bucketing | None = None
    """Batches of samples of about one length, by characters."""
    sampler: Annotated[SamplerOptions, Registered("samplers")] = as_written({"kind": "proportional"})
    """How the tasks share the batch."""
    optimizer: Optimizer = as_written({})
    """AdamW and its schedule."""
    teacher: Teacher = as_written({})
    """Of objectives that read a teacher's states."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs the trunk under autocast; the graft and the optimizer stay fp32."""
    checkpointing: bool = False
    """Whether layers are computed again in the backward pass instead of keeping what is between: less memory, more
    time."""
    shard: bool = False
    """Whether the backbone's layers lie shared out over the processes, and each is gathered when it runs: less memory,
    more traffic. Needs several processes."""
    seed: int = Field(0, ge=0)
    """Decides order, start values and dropout."""
    checkpoint_every: int | None = Field(None, ge=1)
    """Steps between checkpoints; every 10 % of the steps if left out. The last step always has one."""
    keep: int = Field(2, ge=1)
    """Checkpoints kept, newest first."""
    log_every: int = Field(10, ge=1)
    """Steps between lines of metrics.jsonl."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, given: Any) -> Any:
        return {k: v for k, v in given.items() if (k, v) != ("steps", None)} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _one_length(self) -> "TrainSection":
        if self.epochs is not None and self.stages:
            raise ValueError("`epochs` and `stages` both say how long; give the epochs of each stage")
        if self.epochs is not None and "steps" in self.model_fields_set:
            raise ValueError(BOTH_LENGTHS)
        return self

    @model_validator(mode="after")
    def _steps_are_those_of_the_stages(self) -> "TrainSection":
        if "steps" in self.model_fields_set and any(stage.epochs is not None for stage in self.stages):
            raise ValueError("`steps` is not known before the epochs of its stages are; leave it out")
        if self.stages and "steps" in self.model_fields_set and self.steps != sum(stage.steps for stage in self.stages):
            told = " + ".join(str(stage.steps) for stage in self.stages)
            raise ValueError(f"`steps: {self.steps}` is not {told}, the steps of its stages; give those alone")
        return self

    @model_serializer(mode="wrap")
    def _write_steps_once(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        in_stages_or_epochs = bool(self.stages) or self.epochs is not None
        return {name: value for name, value in written.items() if name != "steps" or not in_stages_or_epochs}

    @property
    def checkpoint_steps(self) -> int:
        """Steps between checkpoints, said or not."""
        return self.checkpoint_every or max(1, self.steps // 10)
