"""What pydantic says about options, in words for the one who wrote them."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pydantic import ValidationError

from multigraft.core.suggest import did_you_mean

KEY = "[key]"
"""Stands last in the place of an error about a key itself."""
_LONGEST_VALUE = 50
_WANTED = {
    "bool": "true or false",
    "dict": "a mapping of keys",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model": "a mapping of keys",
    "string": "text",
    "tuple": "a list",
}
_TYPE_ERROR = re.compile(r"(bool|dict|float|int|list|model|string|tuple)_(type|parsing|from_float|attributes_type)")
_UNION_TAG = re.compile(r"bool|int|float|str|none|[A-Z]\w*|(dict|list)\[.*\]")
"""What pydantic calls the members of a union."""
_SUBJECT = re.compile(r"(Input|String|List|Dictionary|Tuple|Value|Data) (?=should )")
_BOUNDS = {
    "too_short": ("least", "min_length", "item"),
    "too_long": ("most", "max_length", "item"),
    "string_too_short": ("least", "min_length", "character"),
    "string_too_long": ("most", "max_length", "character"),
}


def details_of(error: ValidationError, data: Any) -> list[Mapping[str, Any]]:
    """The errors of options that were given as `data`: each with its place there, and one of those at a place that are
    about members of a union."""
    details = [_without_tags(detail, data) for detail in error.errors(include_url=False)]
    return [each for number, each in enumerate(details) if not _is_of_another_member(each, details[:number], details)]


def words_of(detail: Mapping[str, Any]) -> tuple[str, str]:
    """Message and hint; pydantic's own words for what is rare."""
    kind, value = detail["type"], _shown(detail["input"])
    if "hint" in detail.get("ctx", {}):
        return detail["msg"], detail["ctx"]["hint"]
    if kind == "missing":
        last = detail["loc"][-1]
        return f"item {last + 1} is missing" if isinstance(last, int) else f"missing key {last!r}", ""
    if kind == "extra_forbidden":
        return f"unknown key {detail['loc'][-1]!r}", ""
    if kind == "literal_error":
        expected = detail["ctx"]["expected"]
        return f"{value} is not one of {expected}", _nearest(detail["input"], re.findall(r"'([^']*)'", expected))
    if kind == "int_parsing_size":
        return f"{value} is too large a number", ""
    if kind == "string_pattern_mismatch":
        return f"{value} has not the form {detail['ctx']['pattern']}", ""
    if kind == "string_unicode":
        return f"{value} has half of a surrogate pair, which is no text", ""
    if bound := _BOUNDS.get(kind):
        which, key, what = bound
        count = detail["ctx"][key]
        return f"expected at {which} {count} {what}{'' if count == 1 else 's'}, got {_amount(detail['input'])}", ""
    if match := _TYPE_ERROR.fullmatch(kind):
        return f"expected {_WANTED[match[1]]}, got {value}", ""
    text = detail["msg"].removeprefix("Value error, ")
    return _SUBJECT.sub(lambda found: f"{value} ", text, count=1) if _SUBJECT.match(text) else text, ""


def told_of(error: ValidationError, data: Any) -> str:
    """`place: message` of each error of options that were given as `data`, in one line."""
    lines = []
    for detail in details_of(error, data):
        message, hint = words_of(detail)
        place = ".".join(str(item) for item in detail["loc"] if item != KEY)
        lines.append(": ".join(each for each in (place, f"{message}; {hint}" if hint else message) if each))
    return "; ".join(lines)


def written_text(text: str) -> str:
    """A text as it stands in YAML: in quotes, unless it is a plain name or path."""
    return text if re.fullmatch(r"[A-Za-z_][\w./-]*", text) else json.dumps(text, ensure_ascii=False)


def help_of(description: str | None) -> str:
    """The first sentence of a field's docstring."""
    return re.split(r"(?<=[.:;])\s", " ".join(description.split()))[0].rstrip(".;:") if description else ""


def _without_tags(detail: Mapping[str, Any], data: Any) -> Mapping[str, Any]:
    """An error without the names of union members in its location, which no author has written."""
    location: list[str | int] = []
    for item in detail["loc"]:
        here = reduce(_below, location, data)
        written = isinstance(here, dict) and item in here
        if written or not (isinstance(item, str) and _UNION_TAG.fullmatch(item)):
            location.append(item)
    return {**detail, "loc": tuple(location)}


def _is_of_another_member(
    detail: Mapping[str, Any], before: Sequence[Mapping[str, Any]], details: Sequence[Mapping[str, Any]]
) -> bool:
    """Whether a value has the wrong type for one member of a union, and another member says more, or as much."""
    place = detail["loc"]
    deeper = any(each["loc"][: len(place)] == place and len(each["loc"]) > len(place) for each in details)
    return bool(_TYPE_ERROR.fullmatch(detail["type"])) and (deeper or any(each["loc"] == place for each in before))


def _below(data: Any, item: str | int) -> Any:
    try:
        return data[item]
    except (KeyError, IndexError, TypeError):
        return None


def _nearest(value: Any, known: list[str]) -> str:
    said = did_you_mean(str(value), known)
    return said.split("?")[0] + "?" if said.startswith("did you mean") else ""


def _amount(value: Any) -> str:
    """A text, or how many items there are of anything else."""
    return _shown(value) if isinstance(value, str) or not hasattr(value, "__len__") else f"{len(value):,}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else _plain(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _plain(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value), str(value).lower())
