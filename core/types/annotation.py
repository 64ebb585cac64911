"""The form of `KEY.json` in a shard: what is asked about the media of a sample, and by which task."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from annotated_types import MinLen
from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic_core import to_json

from multigraft.core.errors import BadSample, legible

LARGEST_WEIGHT = 1e6
"""Of an annotation: a loss times this is still a number."""
LONGEST_NAME = 1024
"""Characters of the name of a task, a source or a type: an index holds each of them."""
LONGEST_TEXT = 16 << 20
"""Characters."""


Text = Annotated[str, StringConstraints(strict=True, max_length=LONGEST_TEXT)]
"""A text that can be stored: pydantic refuses half of a surrogate pair where a text has a bound."""
Name = Annotated[str, StringConstraints(strict=True, max_length=LONGEST_NAME)]
Texts = Annotated[tuple[Text, ...], FailFast()]


class _Row(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class ScoredAnswer(_Row):
    """A possible answer with its soft score."""

    text: Text
    score: float = Field(1.0, ge=0.0, le=1.0)


class Annotation(_Row):
    """One question, caption or statement about some of a sample's media."""

    id: Text
    """Unique over all shards of a data set."""
    task: Annotated[Name, MinLen(1)]
    """Which task it is for: the name of a task in the recipe, or the kind of one."""
    type: Name = ""
    """Kind of question, for scores by type."""
    text: Text = ""
    """Question or statement."""
    context: Text = ""
    """What the question may need besides the media, such as subtitles or a passage; cut first."""
    choices: Texts = Field((), strict=False)
    answers: Annotated[tuple[ScoredAnswer, ...], FailFast()] = Field((), strict=False)
    references: Texts = Field((), strict=False)
    """Captions, or all annotators' answers."""
    span: tuple[float, float] | None = Field(None, strict=False)
    """Stretch of the video in seconds."""
    media: Texts = Field((), strict=False)
    """Fields of the sample, in order, such as `["0.png", "3.png"]`; case makes no difference. What a source gives, and
    what a record holds whose media lie apart, are names in a media store instead."""
    weight: float = Field(1.0, ge=0.0, le=LARGEST_WEIGHT)
    source: Name = ""
    """Filled from the record if it names none of its own."""

    @field_validator("span")
    @classmethod
    def _forwards(cls, span: tuple[float, float] | None) -> tuple[float, float] | None:
        if span and span[1] < span[0]:
            raise ValueError(f"it ends at {span[1]:g} s, before it starts at {span[0]:g} s")
        return span


class Record(_Row):
    """The whole of a `KEY.json`."""

    id: Text
    source: Name = ""
    apart: bool = False
    """Whether media are names in a media store, apart from the shard."""
    annotations: tuple[Annotation, ...] = Field(strict=False)


def read_annotation(text: bytes, source: str, position: int) -> Annotation:
    """The annotation in a JSON text that was checked when its shard was indexed.

    Args:
        source: of the annotation, or of its record where it names none.
        position: in the record's list, told in errors.

    Raises:
        BadSample: `bad annotation`, with the first thing that is wrong.
    """
    named = text[:-1] + b',"source":' + to_json(source) + b"}" if source else text
    try:
        return Annotation.model_validate_json(named)
    except ValidationError as error:
        raise _bad(error, f"annotations.{position}") from None


_TOLD = {"string_unicode": "half of a surrogate pair"}
"""In the place of pydantic's own texts, by the kind of error."""
Model = TypeVar("Model", bound=BaseModel)


def parse_head(record: Mapping[str, Any]) -> Record:
    """Check a decoded `KEY.json` without its annotations.

    Raises:
        BadSample: `bad annotation`.
    """
    return _valid(Record, {**record, "annotations": ()}, "")


def parse_annotation(head: Record, value: Any, position: int) -> Annotation:
    """Check the annotation that stands at a position of a record's list; it gets the record's source if it has none.

    Raises:
        BadSample: `bad annotation`, with the first thing that is wrong.
    """
    annotation = _valid(Annotation, value, f"annotations.{position}")
    return annotation if annotation.source else annotation.model_copy(update={"source": head.source})


def _valid(model: type[Model], value: Any, place: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _bad(error, place) from None


def _bad(error: ValidationError, place: str) -> BadSample:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join([*([place] if place else []), *map(str, first["loc"])])
    message = _TOLD.get(first["type"], first["msg"].removeprefix("Value error, "))
    return BadSample("bad annotation", legible(f"{where}: {message}"))
