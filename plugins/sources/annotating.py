"""Annotations of what a row holds."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from multigraft import Annotation, BadSample, ScoredAnswer, SourceOptions

_Model = TypeVar("_Model", bound=BaseModel)


def annotation_of(options: SourceOptions, **fields: Any) -> Annotation:
    """An annotation for the task and of the source of the options, unless the fields say others.

    Raises:
        BadSample: `bad row`, with the first field that has a value it cannot have.
    """
    return _valid(Annotation, {"task": options.task, "source": options.source, **fields})


def answer_of(text: str, score: float = 1.0) -> ScoredAnswer:
    """A possible answer.

    Raises:
        BadSample: `bad row`: half of a surrogate pair in the text, as of bytes that are no UTF-8, or no such score.
    """
    return _valid(ScoredAnswer, {"text": text, "score": score}, "answers.")


def _valid(model: type[_Model], fields: dict[str, Any], place: str = "") -> _Model:
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = place + ".".join(map(str, first["loc"]))
        raise BadSample("bad row", f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
