"""What pydantic says about a recipe, in words for its author."""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from multigraft.core.options.base import Section
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.schema_walk import Expected, expected_at
from multigraft.core.suggest import did_you_mean

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry

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
_COMPONENT_ERRORS = ("component_unknown", "component_kind_missing")


def problems_of(
    error: ValidationError, document: RecipeFile, root: type[Section], registry: "Registry"
) -> list[Problem]:
    """All problems of a recipe that did not validate."""
    data = document.data
    details = [_without_tags(detail, data) for detail in error.errors(include_url=False)]
    told = [each for number, each in enumerate(details) if not _is_of_another_member(each, details[:number], details)]
    return [_problem(detail, document, data, root, registry) for detail in told]


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


def _problem(
    detail: Mapping[str, Any], document: RecipeFile, data: Any, root: type[Section], registry: "Registry"
) -> Problem:
    location = [*detail["loc"], *detail.get("ctx", {}).get("below", ())]
    if detail["type"] == "extra_forbidden":
        models, key = expected_at(root, data, location[:-1], registry).models, str(location[-1])
        if instead := next((model.replaced[key] for model in models if key in model.replaced), ""):
            return document.problem(location, f"key {key!r} is no more", f"write {instead}", at_key=True)
        known = [name for model in models for name in model.model_fields]
        return document.problem(location, f"unknown key {key!r}", did_you_mean(key, known), at_key=True)
    if detail["type"] in _COMPONENT_ERRORS:
        if isinstance(detail["input"], dict) and "kind" in detail["input"]:
            location.append("kind")
        return document.problem(location, detail["msg"], detail["ctx"]["hint"])
    message, hint = _words(detail)
    if location[-1:] == ["[key]"]:
        return document.key_problem(location[:-1], message, _help(expected_at(root, data, location, registry)))
    return document.problem(location, message, hint or _help(expected_at(root, data, location, registry)))


def _words(detail: Mapping[str, Any]) -> tuple[str, str]:
    """Message and hint of the common errors; pydantic's own words for the rest."""
    kind, value = detail["type"], _shown(detail["input"])
    if kind == "missing":
        return f"missing key {detail['loc'][-1]!r}", ""
    if kind == "literal_error":
        expected = detail["ctx"]["expected"]
        return f"{value} is not one of {expected}", _nearest(detail["input"], re.findall(r"'([^']*)'", expected))
    if kind == "int_parsing_size":
        return f"{value} is too large a number", ""
    if match := _TYPE_ERROR.fullmatch(kind):
        return f"expected {_WANTED[match[1]]}, got {value}", ""
    text = detail["msg"].removeprefix("Value error, ")
    if text.startswith("Input should be"):
        return f"{value} {text.removeprefix('Input ')}", ""
    return text, ""


def _nearest(value: Any, known: list[str]) -> str:
    said = did_you_mean(str(value), known)
    return said.split("?")[0] + "?" if said.startswith("did you mean") else ""


def _help(expected: Expected) -> str:
    """The first sentence of the field's docstring."""
    text = expected.field.description if expected.field else None
    return re.split(r"(?<=[.:;])\s", " ".join(text.split()))[0].rstrip(".;:") if text else ""


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else _plain(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _plain(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return names.get(type(value), str(value).lower())
