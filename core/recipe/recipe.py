"""The recipe: a YAML file that describes a whole run."""

import re
from typing import Annotated, Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from multigraft.core.options.base import Options, Section, as_written
from multigraft.core.options.component_field import Registered
from multigraft.core.options.names import Refers, SourceText, TaskName, fit_name
from multigraft.core.options.options import (
    ENCODER_KINDS,
    AdapterOptions,
    BackboneOptions,
    EncoderOptions,
    PromptOptions,
    SiteSelector,
    TaskOptions,
)
from multigraft.core.recipe.features_section import FeaturesSection
from multigraft.core.recipe.prompts import wrong_prompts
from multigraft.core.recipe.search_section import SearchSection
from multigraft.core.recipe.train_section import LARGEST_BATCH, TrainSection
from multigraft.core.types.preparation import VISUAL

CONTROL_NAMES = (
    "untrained", "no-graft", "no-media", "shuffled-media", "reversed-frames", "shuffled-frames", "last-frame",
)  # fmt: skip
"""Those of core/evaluation/controls.py, which is not imported to look at a recipe's names."""


class Trunk(Section):
    """The frozen parts, and the prompt generators between them."""

    encoder: Annotated[EncoderOptions, Registered("visual_encoders")] | None = None
    """Visual encoder, short for `encoders: {visual: ...}`; none for runs without pictures and videos."""
    encoders: Annotated[dict[str, EncoderOptions], ENCODER_KINDS] = as_written({})
    """Encoders by modality: `visual` for pictures and frames, `audio` for sound; none for text-only runs."""
    backbone: Annotated[BackboneOptions, Registered("backbones")]
    """Language model."""
    prompt: list[Annotated[PromptOptions, Registered("prompt_generators")]] = Field([])
    """Prompt generators, one or a list; none that reads media for text-only runs."""

    @property
    def modalities(self) -> dict[str, EncoderOptions]:
        """All encoders, by modality."""
        return ({} if self.encoder is None else {VISUAL: self.encoder}) | self.encoders

    def place(self, modality: str) -> tuple[str, ...]:
        """Where the encoder of a modality is written, below `trunk`."""
        return ("encoders", modality) if modality in self.encoders else ("encoder",)

    @field_validator("encoders")
    @classmethod
    def _names_of_modalities(cls, encoders: dict[str, EncoderOptions]) -> dict[str, EncoderOptions]:
        for modality in encoders:
            fit_name(modality, "modality")
        return encoders

    @field_validator("prompt", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list) else [] if value is None else [value]

    @field_serializer("prompt", mode="wrap")
    def _one_as_written(self, prompts: list[PromptOptions], write: SerializerFunctionWrapHandler) -> Any:
        written = write(prompts)
        return written[0] if len(written) == 1 else written or None

    @model_validator(mode="after")
    def _one_encoder_a_modality(self) -> "Trunk":
        if self.encoder is not None and VISUAL in self.encoders:
            raise ValueError("`encoder` is short for `encoders.visual`: give one of the two")
        return self


class TrainedTrunk(Section):
    """Which trunk tensors are trained: norms and biases as overlays, a whole backbone or encoder in place."""

    norms: bool | SiteSelector = False
    """Gains and shifts of the backbone's normalisations: all with `true`, else of the stacks, layers, blocks named."""
    biases: bool | SiteSelector = False
    """Biases of the backbone's projections and shifts of its normalisations: all with `true`, else of those named."""
    backbone: bool = False
    """The whole backbone, moved in place and saved whole."""
    encoder: bool | Annotated[list[str], Field(min_length=1)] = False
    """Whole encoders, moved in place and saved whole: all with `true`, else those of the modalities named."""
    sharing: Annotated[Options, Registered("sharing")] = as_written({"kind": "single"})
    """Which tasks share the norms and biases; `graft.sharing` is the adapters' alone."""


class GraftSection(Section):
    """What is trained and who shares it."""

    adapters: list[Annotated[AdapterOptions, Registered("adapters")]] = Field([])
    """Adapter variants and where they act."""
    sharing: Annotated[Options, Registered("sharing")] = as_written({"kind": "single"})
    """What the tasks share."""
    train: TrainedTrunk = as_written({})
    """Trunk tensors trained as well."""
    start: Annotated[str, SourceText()] | None = None
    """`run:DIR`: begin from the graft in a run folder or an exported one, as far as it fits; all is new if left out."""

    @field_validator("start")
    @classmethod
    def _start_has_a_known_form(cls, start: str | None) -> str | None:
        if start is not None and re.fullmatch(r"run:.+", start) is None:
            raise ValueError(f"{start!r} is no `run:DIR`, the folder of a run or of an exported graft")
        return start


class EvalSection(Section):
    """When and on what to score."""

    every: int | None = Field(None, ge=1)
    """Steps between evaluations during training; none for only at the end."""
    split: Annotated[str, Refers("split")] = "validation"
    """Split scored during training; `none` scores nothing."""
    final_split: Annotated[str, Refers("split")] | None = None
    """Split scored at the end; `split` if left out."""
    limit: int | None = Field(None, ge=1)
    """Most annotations of a task scored during training, drawn evenly; all if left out."""
    final_limit: int | None = Field(None, ge=1)
    """Most annotations of a task scored at the end, drawn evenly; all if left out."""
    batch: int = Field(128, ge=1, le=LARGEST_BATCH)
    """Samples in one pass."""
    controls: list[Annotated[str, Refers("control")]] = Field([])
    """Controls scored at the end beside the result, such as `no-media`."""
    control_limit: int | None = Field(None, ge=1)
    """Most annotations of a task scored under each control, drawn evenly; all if left out."""


class CacheSection(Section):
    """Local copies of shards that lie elsewhere."""

    folder: str | None = None
    """Folder of the copies; `multigraft/shards` in the user's cache folder if left out."""
    gigabytes: float = Field(20.0, gt=0, le=1e6)
    """Size of all copies, at most, 2^30 bytes each; those not used for longest are removed, never one that is read."""


class DataSection(Section):
    """Where data lie and how they are read."""

    root: str = "."
    """Folder that relative paths of shards start at."""
    cache: CacheSection = as_written({})
    """Copies of shards at addresses such as `https://...` and `s3://...`."""
    allow_pipes: bool = False
    """Whether shards may be `pipe:COMMAND`, which runs a command of the recipe."""
    make: str | None = None
    """Command that fills `root` when it has no manifest, such as `data quickstart`."""
    features: bool | FeaturesSection = False
    """Run the frozen encoders once and train on their stored tokens: with `true` as they are, or in another form."""
    bad_limit: float = Field(0.01, ge=0, le=1)
    """Share of bad samples at which a run stops."""
    threads: int = Field(2, ge=1, le=1024)
    """Threads that decode pictures."""
    processes: int = Field(1, ge=1, le=256)
    """Processes that decode videos."""
    deadline: float = Field(20.0, gt=0, le=86_400)
    """Seconds a video may take to decode before its process is ended."""
    window: int = Field(8, ge=1, le=100_000)
    """Shards that are shuffled together."""

    @property
    def feature_form(self) -> FeaturesSection | None:
        """The form of stored features; None where none are stored."""
        return FeaturesSection() if self.features is True else self.features or None


class PluginSection(Section):
    """Plugins of this recipe."""

    require: list[str] = Field([])
    """Plugins that must be there."""


_Inputs = list[Annotated[Options, Registered("inputs")]]
_Loggers = list[Annotated[Options, Registered("loggers")]]


class Recipe(Section):
    """A whole run."""

    trunk: Trunk
    """Frozen parts."""
    tasks: dict[TaskName, Annotated[TaskOptions, Registered("tasks")]] = Field(min_length=1)
    """Tasks by name; names become file names and owners (`task:NAME`)."""
    graft: GraftSection = as_written({})
    """Trained parts."""
    train: TrainSection = as_written({})
    """Training."""
    eval: EvalSection = as_written({})
    """Scoring."""
    data: DataSection = as_written({})
    """Reading."""
    search: SearchSection | None = None
    """What `multigraft search` chooses; training takes the recipe's own values."""
    inputs: _Inputs = as_written(["image", "video"])
    """How media are decoded."""
    loggers: _Loggers = as_written(["jsonl", "csv"])
    """Where scalars go."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:N` or `mps`; of several processes `cuda` gives each one its own."""
    plugins: PluginSection = as_written({})
    """Plugins needed."""

    @field_validator("device")
    @classmethod
    def _device_has_a_known_form(cls, device: str) -> str:
        if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device) is None:
            raise ValueError(f"{device!r} is none of `auto`, `cpu`, `cuda`, `cuda:N`, `mps`")
        return device

    @model_validator(mode="after")
    def _each_encoder_and_a_prompt_together(self) -> "Recipe":
        for place, message in wrong_prompts(self):
            raise PydanticCustomError("prompts", "{message}", {"message": message, "below": place})
        return self
