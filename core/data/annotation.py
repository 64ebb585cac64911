"""The form of `KEY.json` in a shard: what is asked about the media of a sample, and by which task."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multigraft.core.data.media import BadSample


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class ScoredAnswer(_Row):
    """A possible answer with its soft score."""

    text: str
    score: float = Field(1.0, ge=0.0, le=1.0)


class Annotation(_Row):
    """One question, caption or statement about some of a sample's media."""

    id: str
    """Unique over all shards of a data set."""
    task: str
    """Which task it is for: the name of a task in the recipe, or the kind of one."""
    type: str = ""
    """Kind of question, for scores by type."""
    text: str = ""
    """Question or statement."""
    context: str = ""
    """What the question may need besides the media, such as subtitles or a passage; cut first."""
    choices: tuple[str, ...] = Field((), strict=False)
    answers: tuple[ScoredAnswer, ...] = Field((), strict=False)
    references: tuple[str, ...] = Field((), strict=False)
    """Captions, or all annotators' answers."""
    span: tuple[float, float] | None = Field(None, strict=False)
    """Stretch of the video in seconds."""
    media: tuple[str, ...] = Field((), strict=False)
    """Fields of the sample, in order, such as `["0.png", "3.png"]`."""
    weight: float = Field(1.0, ge=0.0)
    source: str = ""
    """Filled from the record if it names none of its own."""


class Record(_Row):
    """The whole of a `KEY.json`."""

    id: str
    source: str = ""
    annotations: tuple[Annotation, ...] = Field(strict=False)


def parse_record(value: Any) -> Record:
    """Check a decoded `KEY.json`; every annotation gets the record's source where it has none.

    Raises:
        BadSample: `bad annotation`, with the first thing that is wrong.
    """
    try:
        record = Record.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BadSample("bad annotation", f"{where}: {first['msg']}") from None
    annotations = tuple(a if a.source else a.model_copy(update={"source": record.source}) for a in record.annotations)
    return record.model_copy(update={"annotations": annotations})
