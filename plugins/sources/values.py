"""Values of a table as fields of an annotation: what each field takes, without guessing."""

from collections.abc import Mapping
from typing import Any

from multigraft import BadSample, ScoredAnswer
from multigraft.plugins.sources.annotating import answer_of

MISSING = object()
"""What a column holds that a row does not have."""


def at(values: Mapping[str, Any], column: str) -> Any:
    """What a column holds in a row. A dot goes deeper, in a list of objects into each of them.

    A column that itself has dots in its name comes first.
    """
    if column in values:
        return values[column]
    head, dot, rest = column.partition(".")
    if not dot or head not in values:
        return MISSING
    below = values[head]
    if isinstance(below, list):
        found = [at(each, rest) for each in below if isinstance(each, dict)]
        return [each for each in found if each is not MISSING] if found else MISSING
    return at(below, rest) if isinstance(below, dict) else MISSING


def text_of(value: Any) -> str:
    """A text; numbers as they are written, truth values as in JSON.

    Raises:
        BadSample: `bad row`: a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise BadSample("bad row", f"{_named(value)}, where a text should be")


def texts_of(value: Any, separator: str) -> list[str]:
    """A list of texts; a text alone is a list of one."""
    if isinstance(value, list):
        return [text_of(each) for each in value if each is not None]
    text = text_of(value)
    return [each.strip() for each in text.split(separator)] if separator else [text]


def answers_of(value: Any, separator: str) -> list[ScoredAnswer]:
    """A text, a list of texts, or objects `{text, score}`."""
    if isinstance(value, dict):
        return [_answer(value)]
    if isinstance(value, list):
        return [_answer(each) if isinstance(each, dict) else answer_of(text_of(each)) for each in value]
    return [answer_of(each) for each in texts_of(value, separator)]


def numbers_of(value: Any, separator: str) -> list[float]:
    """Numbers, also those that are written in texts, as all are in CSV."""
    found = value if isinstance(value, list) else texts_of(value, separator) if isinstance(value, str) else [value]
    return [number_of(each) for each in found]


def number_of(value: Any) -> float:
    """A number.

    Raises:
        BadSample: `bad row`.
    """
    try:
        if not isinstance(value, bool | list | dict):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise BadSample("bad row", f"{_named(value)}, where a number should be")


def _answer(value: Mapping[str, Any]) -> ScoredAnswer:
    if not {"text"} <= set(value) <= {"text", "score"}:
        raise BadSample("bad row", f"an answer with keys {', '.join(map(str, value))}, where text and score should be")
    return answer_of(text_of(value["text"]), number_of(value.get("score", 1.0)))


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", type(None): "nothing", str: f"{value!r:.50}"}
    return names.get(type(value), type(value).__name__)
