"""Options that plugins extend: one base class for each kind of component that a recipe configures."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, ValidationInfo, field_serializer, field_validator
from pydantic_core import PydanticCustomError

from multigraft.core.options.base import Options, Section, as_written
from multigraft.core.options.component_field import Registered, RegisteredByKey, SourceOrText
from multigraft.core.options.names import AdapterName, SourceText
from multigraft.core.options.source_options import SourceOptions
from multigraft.core.options.words import written_text
from multigraft.core.types.preparation import VISUAL


class EncoderOptions(Options):
    """Base of the options of an encoder."""

    weights: Annotated[str, SourceText()] | None = None
    """`path:FILE`, `package:NAME`, `tag:NAME`, `hub:ID`, or `random`, which must be said."""


def encoder_kind(modality: str) -> str:
    """The kind of component that the encoder of a modality is."""
    return ENCODER_KINDS.of(modality).component_kind


ENCODER_KINDS = RegisteredByKey("encoders", ((VISUAL, "visual_encoders"),))
"""Of the encoders of a trunk, by modality."""


class BackboneOptions(Options):
    """Base of the options of a language model."""


class PromptOptions(Options):
    """Base of the options of a prompt generator."""

    reads_media: ClassVar[bool] = True
    """Whether the generator is made of media, and so needs an encoder."""

    modality: str = VISUAL
    """Of a generator that is made of media, whose encoder's tokens it reads: a key of `trunk.encoders`."""
    sharing: Annotated[Options, Registered("sharing")] = as_written({"kind": "single"})
    """Which tasks share the prompt generator."""
    stack: str | None = None
    """The stack whose tokens the prompt joins; if left out, the one by which the backbone lets prompts in."""
    layer: Annotated[int, Field(ge=0)] | Literal["embedding", "memory"] = "embedding"
    """The layer before which it joins them, counted from 0; `embedding` is right behind the embedding; with `memory`
    it joins what the cross-attention of the stack reads."""
    place: Literal["front", "back"] | None = None
    """In front of the tokens or behind them; if left out, as the backbone's family does it in the stack that it lets
    prompts into. A memory has no order."""


class SiteSelector(Section):
    """Which sites of the trunk; a list left out means all of the language model."""

    stack: list[str] | None = Field(None, min_length=1)
    """`encoder`, `decoder`, `vision`, `audio`; if left out, all of the language model, and none of the encoders, where
    adapters act only if their stack is named."""
    layer: list[Annotated[int, Field(ge=0)]] | None = Field(None, min_length=1)
    """Layers, counted from 0."""
    block: list[str] | None = Field(None, min_length=1)
    """`self-attention`, `cross-attention`, `feed-forward`."""
    inner: list[str] | None = Field(None, min_length=1)
    """Within a block: `query`, `key`, `value`, `output`, `up`, `gate`, `down`, `norm`, and `memory` for a prefix."""


WiderScope = Literal["layer", "stack", "model"]


class AdapterOptions(Options):
    """Base of the options of an adapter variant."""

    name: AdapterName | None = None
    """Name of this method in the graft; needed when a graft has two of one kind."""
    sites: SiteSelector = as_written({})
    """Where it acts."""
    sharing: Annotated[Options, Registered("sharing")] | None = None
    """Which tasks share it; the graft's rule if left out."""
    scope: dict[str, WiderScope] = as_written({})
    """Over which of its sites a part is one tensor, by names or patterns of parts; the last that fits a part counts. A
    part left out has the scope that the adapter gives it, which can be widened and not narrowed."""


class ObjectiveOptions(Options):
    """Base of the options of an objective."""

    weight: float = Field(1.0, gt=0.0, le=1e6)
    """Weight beside the task's other objectives."""
    sharing: Annotated[Options, Registered("sharing")] = as_written({"kind": "per-task"})
    """Which tasks share the objective's own modules, such as its head."""


class EvaluatorOptions(Options):
    """Base of the options of an evaluator."""


class Decoding(Section):
    """How a text is generated."""

    beams: int = Field(1, ge=1, le=64)
    """1 is greedy."""
    max_tokens: int = Field(20, ge=1, le=1024)
    """Longest output, in tokens, the end token counted."""
    forced_end: bool = False
    """Whether the last token that `max_tokens` allows is the end token."""
    min_tokens: int = Field(0, ge=0, le=1024)
    """Tokens in front of the end token, at least; neither the input text nor a token that starts the target counts."""
    no_repeat_ngram: int | None = Field(None, ge=2, le=1024)
    """No sequence of so many tokens comes twice in an output; the input text may be repeated."""
    length_penalty: float = Field(1.0, ge=-100, le=100)
    """Beams: the sum of log-probabilities is divided by length to this power."""
    early_stopping: Literal[False, True, "never"] = False
    """Beams: `true` ends as soon as there are `beams` finished outputs; `false` when the best running one scores no
    better than the worst of these at its present length, `never` at the length at which it scores best."""

    @field_validator("min_tokens")
    @classmethod
    def _fits(cls, value: int, known: ValidationInfo) -> int:
        most, forced = known.data.get("max_tokens", value), known.data.get("forced_end", False)
        if value > most:
            raise ValueError(f"{value} tokens are more than `max_tokens: {most}`")
        if forced and value == most:
            raise ValueError(f"`forced_end` leaves {most - 1} of `max_tokens: {most}` in front of the end token")
        return value


DataEntry = Annotated[str | SourceOptions, SourceOrText()]
"""Shards by a pattern, or a source that is read as it is."""
Splits = dict[str, list[DataEntry]]


class TaskOptions(Options):
    """Base of the options of a task. Subclasses give their own defaults."""

    replaced: ClassVar[Mapping[str, str]] = {
        "decoding": "`evaluator: {kind: generate, beams: 1, max_tokens: 20}` generates, `evaluator: choices` chooses"
    }

    prefix: str = ""
    """Text put before every input of this task."""
    data: Splits
    """Shards by split: paths, `{000..007}` brace lists, folders; and sources, such as `{table: FILE}`, one or among
    them. A plain list means the split `train`."""
    annotations: str | None = None
    """Which annotations of the shards to take, by their `task`; if left out: the task's name and its kind."""
    sources: list[str] | None = Field(None, min_length=1)
    """Take only annotations of these sources."""
    weight: float = Field(1.0, ge=0.0, le=1e6)
    """Weight of the task's loss. How often it is drawn is the sampler's matter."""
    objective: list[Annotated[ObjectiveOptions, Registered("objectives")]] = as_written(
        [{"kind": "generation"}], min_length=1
    )
    """Losses, one or a list; the task's loss is the sum of their weighted means."""
    metrics: list[Annotated[Options, Registered("metrics")]] = as_written(["exact-match"], min_length=1)
    """Scores; the first is the task's main one."""
    evaluator: Annotated[Options, Registered("evaluators")] = as_written({"kind": "generate"})
    """How rows are answered in evaluation and by `predict`; keys of the task's own kind that are left out keep the
    task's values."""
    prompt: list[Annotated[PromptOptions, Registered("prompt_generators")]] | None = None
    """Prompt generators of this task in place of those of the trunk, one or a list, which may be empty. What several
    tasks say alike is one generator."""
    texts: str | None = None
    """What stands around this task's texts and targets, where the backbone has several forms: `chat` of a `decoder`. As
    the backbone's own `texts` says if left out."""
    text_limit: int = Field(40, ge=1)
    """Longest input text in tokens, the prefix included."""
    target_limit: int = Field(20, ge=1)
    """Longest target in tokens."""

    @field_validator("prompt", mode="before")
    @classmethod
    def _none_one_or_many(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list) else [value]

    @field_serializer("prompt", mode="wrap")
    def _prompt_as_written(self, prompts: list[PromptOptions] | None, write: SerializerFunctionWrapHandler) -> Any:
        written = write(prompts)
        return written[0] if prompts is not None and len(prompts) == 1 else written

    @field_validator("objective", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if isinstance(value, list) else [value]

    @field_serializer("objective", mode="wrap")
    def _one_as_written(self, objectives: list[ObjectiveOptions], write: SerializerFunctionWrapHandler) -> Any:
        written = write(objectives)
        return written[0] if len(written) == 1 else written

    @field_validator("data", mode="before")
    @classmethod
    def _plain_list_is_train(cls, value: Any) -> Any:
        splits = {"train": value} if isinstance(value, list) else value
        for place, given in {(): splits, **{(key,): each for key, each in _items(splits)}}.items():
            if isinstance(given, str):
                raise _bare_text(given, place)
        return {k: [v] if isinstance(v, dict) else v for k, v in splits.items()} if isinstance(splits, dict) else splits

    @field_serializer("data", mode="wrap")
    def _one_source_as_written(self, splits: Splits, write: SerializerFunctionWrapHandler) -> Any:
        written = write(splits)
        return {k: v[0] if len(v) == 1 and isinstance(v[0], dict) else v for k, v in written.items()}

    @field_validator("evaluator", mode="before")
    @classmethod
    def _keep_values_of_the_same_kind(cls, value: Any) -> Any:
        own, given = cls.model_fields["evaluator"].default, {"kind": value} if isinstance(value, str) else value
        return {**own, **given} if isinstance(given, dict) and given.get("kind") == own["kind"] else value


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _bare_text(text: str, below: tuple[str, ...]) -> PydanticCustomError:
    """What to say of a text where a list of patterns or a source should be."""
    written = written_text(text)
    hint = f"write [{written}] for shards, {{table: {written}}} for a table, with `media` and `map` as they are needed"
    message = f"expected a list, or a source, got {text!r}"
    return PydanticCustomError("bare_data", "{message}", {"message": message, "hint": hint, "below": below})


class WeightSource(Section):
    """A `scheme:value` text taken apart."""

    scheme: str
    value: str = ""


def weight_source(text: str | None, schemes: tuple[str, ...]) -> WeightSource:
    """Take `path:DIR`, `hub:ID`, `package:NAME`, `tag:NAME` or `random` apart.

    Raises:
        ValueError: no weights are named, or the scheme is not one of `schemes`.
    """
    allowed = ", ".join("`random`" if scheme == "random" else f"`{scheme}:...`" for scheme in schemes)
    if not text:
        raise ValueError(f"say where the weights come from: {allowed}")
    scheme, _, value = text.partition(":")
    if scheme not in schemes or (scheme != "random" and not value):
        raise ValueError(f"weights {text!r} are not one of {allowed}")
    return WeightSource(scheme=scheme, value=value)
