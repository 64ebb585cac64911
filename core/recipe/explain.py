"""What pydantic says about a recipe, in words for its author."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from multigraft.core.options.base import Section
from multigraft.core.options.words import KEY, details_of, help_of, words_of
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.schema_walk import Expected, expected_at
from multigraft.core.suggest import did_you_mean

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry

_COMPONENT_ERRORS = ("component_unknown", "component_kind_missing")


def problems_of(
    error: ValidationError, document: RecipeFile, root: type[Section], registry: "Registry"
) -> list[Problem]:
    """All problems of a recipe that did not validate."""
    data = document.data
    return [_problem(detail, document, data, root, registry) for detail in details_of(error, data)]


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
    message, hint = words_of(detail)
    if detail["type"] in _COMPONENT_ERRORS:
        if isinstance(detail["input"], dict) and "kind" in detail["input"]:
            location.append("kind")
        return document.problem(location, message, hint)
    if location[-1:] == [KEY]:
        return document.key_problem(location[:-1], message, _help(expected_at(root, data, location, registry)))
    return document.problem(location, message, hint or _help(expected_at(root, data, location, registry)))


def _help(expected: Expected) -> str:
    return help_of(expected.field.description) if expected.field else ""
