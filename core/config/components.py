"""The components that a recipe uses, and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from multigraft.core.config.options import Options, Section
from multigraft.core.config.reference import Registered
from multigraft.core.config.shape import field_annotation


@dataclass(frozen=True)
class Used:
    """One component in a recipe."""

    location: tuple[str | int, ...]
    kind: str
    """Kind of component, such as `adapters`."""
    options: Options


def components_of(section: Section, location: tuple[str | int, ...] = ()) -> Iterator[Used]:
    """Every component below a section, outer ones first."""
    for name, field in type(section).model_fields.items():
        yield from _below(field_annotation(field), getattr(section, name), (*location, name))


def _below(annotation: Any, value: Any, location: tuple[str | int, ...]) -> Iterator[Used]:
    if isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _below(_item(annotation), one, (*location, index))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _below(_item(annotation), one, (*location, key))
    elif isinstance(value, Section):
        mark = _mark(annotation)
        if mark is not None and isinstance(value, Options):
            yield Used(location, mark.component_kind, value)
        yield from components_of(value, location)


def _item(annotation: Any) -> Any:
    """The annotation of the items of a list or mapping, also where it is one of several choices."""
    if get_origin(annotation) in (list, tuple, dict):
        return get_args(annotation)[-1]
    inner = [_item(one) for one in get_args(annotation)]
    return next((one for one in inner if one is not None), None)


def _mark(annotation: Any) -> Registered | None:
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return next((one for one in arguments[1:] if isinstance(one, Registered)), None) or _mark(arguments[0])
    return next((mark for mark in map(_mark, arguments) if mark is not None), None)
