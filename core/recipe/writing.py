"""Recipes as YAML text: resolved, or with every key explained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from multigraft.core.options.base import Options, Section
from multigraft.core.options.component_field import Registered, RegisteredByKey, SourceOrText
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.schema_walk import field_annotation
from multigraft.core.recipe.yaml_nodes import write

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry

_STEP = "  "
_WIDTH = 110


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe, every default filled in; it loads again to an equal recipe."""
    return write(recipe.model_dump(mode="json"))


def write_template(recipe: Recipe, registry: "Registry") -> str:
    """The resolved recipe with the help, the values and the choices of each key as comments."""
    return "\n".join(_section(recipe, registry)) + "\n"


def _section(section: Section, registry: "Registry") -> Iterator[str]:
    written = section.model_dump()
    names = [name for name in type(section).model_fields if name in written]
    if isinstance(section, Options):
        names.sort(key="kind".__ne__)
    for name in names:
        field = type(section).model_fields[name]
        if name != "kind":
            yield from _comment(field, registry)
        yield from _entry(name, getattr(section, name), written[name], registry)


def _entry(name: str, value: Any, written: Any, registry: "Registry") -> Iterator[str]:
    """`name: value`, with the lines of sections below it indented.

    Args:
        written: the value as `dump_recipe` writes it.
    """
    if isinstance(value, Section):
        lines = list(_section(value, registry))
    elif isinstance(value, Mapping) and any(isinstance(one, Section) for one in value.values()):
        lines = [line for key, one in value.items() for line in _entry(key, one, written[key], registry)]
    elif isinstance(value, Sequence) and any(isinstance(one, Section) for one in value):
        lines = [line for one in value for line in _item(one, registry)]
    else:
        yield from write({name: written}).splitlines()
        return
    yield f"{name}:"
    yield from (_STEP + line for line in lines)


def _item(section: Section, registry: "Registry") -> Iterator[str]:
    lines = list(_section(section, registry))
    first = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    yield from lines[:first]
    yield f"- {lines[first]}"
    yield from (_STEP + line for line in lines[first + 1 :])


def _comment(field: FieldInfo, registry: "Registry") -> Iterator[str]:
    help_text = " ".join((field.description or "").split())
    line = "#"
    for word in f"{help_text} [{allowed(field_annotation(field), registry)}]".split():
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def allowed(annotation: Any, registry: "Registry") -> str:
    """What may be written, in words: `whole number`, `one of linear, cosine`, `list of text`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    marks = [mark for mark in arguments if isinstance(mark, Registered)]
    if marks:
        text = "text or " if isinstance(marks[0], SourceOrText) else ""
        return f"{text}kind: {', '.join(registry.names(marks[0].component_kind))}"
    by_key = [kind for mark in arguments if isinstance(mark, RegisteredByKey) for kind in mark.kinds]
    if by_key:
        return f"name: kind: {', '.join(name for kind in by_key for name in registry.names(kind))}"
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin in (list, tuple):
        return f"list of {allowed(arguments[0], registry)}"
    if origin is dict:
        return f"name: {allowed(arguments[1], registry)}"
    if hasattr(annotation, "__metadata__"):
        bounds = ", ".join(_bound(one) for one in arguments[1:] if _bound(one))
        return ", ".join(part for part in (allowed(arguments[0], registry), bounds) if part)
    if arguments:
        return " or ".join(allowed(one, registry) for one in arguments)
    words = {bool: "true or false", int: "whole number", float: "number", str: "text", type(None): "null"}
    return words.get(annotation, "keys")


def _bound(constraint: Any) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return " and ".join(
        f"{sign} {getattr(constraint, name)}" for name, sign in signs.items() if hasattr(constraint, name)
    )
