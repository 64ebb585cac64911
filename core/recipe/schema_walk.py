"""The shape of a recipe: which model stands where, given what is written there."""

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from multigraft.core.errors import MultigraftError
from multigraft.core.options.base import Options, Section
from multigraft.core.options.component_field import Registered, RegisteredByKey

if TYPE_CHECKING:
    from multigraft.core.registry.registry import Registry


@dataclass(frozen=True)
class Expected:
    """What may stand at a place."""

    models: tuple[type[Section], ...]
    """Models of a mapping there, if any."""
    field: FieldInfo | None
    """The field whose value this is, or is a part of."""


def field_annotation(field: FieldInfo) -> Any:
    """The annotation of a field with its metadata, as written."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def models_of(annotation: Any, value: Any, registry: "Registry") -> Iterator[type[Section]]:
    """The models that `value` may be meant for under an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        marks = [mark for mark in metadata if isinstance(mark, Registered)]
        yield from _options(marks[0], value, registry) if marks else models_of(inner, value, registry)
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from models_of(one, value, registry)
    elif isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation


def expected_at(root: type[Section], data: Any, location: Sequence[str | int], registry: "Registry") -> Expected:
    """What may stand at a location; nothing is known below an unknown key."""
    annotation: Any = root
    field: FieldInfo | None = None
    for item in location:
        fields = [
            model.model_fields[str(item)]
            for model in models_of(annotation, data, registry)
            if str(item) in model.model_fields
        ]
        items = list(_items(annotation, item))
        if fields:
            field = fields[0]
            annotation = field_annotation(field)
        elif items:
            annotation = items[0]
        else:
            return Expected((), field)
        data = _below(data, item)
    return Expected(tuple(models_of(annotation, data, registry)), field)


def _options(mark: Registered, value: Any, registry: "Registry") -> Iterator[type[Section]]:
    name = mark.name_in(value, registry)
    if name is not None:
        try:
            yield registry.options(mark.component_kind, name)
        except MultigraftError:
            return


def _items(annotation: Any, item: str | int) -> Iterator[Any]:
    """Annotations of an item of the lists and mappings that an annotation allows."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        by_key = [mark.of(item) for mark in arguments[1:] if isinstance(mark, RegisteredByKey)]
        yield from (Annotated[Options, mark] for mark in by_key) if by_key else _items(arguments[0], item)
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from _items(one, item)
    elif origin in (list, tuple, set, frozenset, dict):
        yield arguments[-1] if origin is dict else arguments[0]


def _below(data: Any, item: str | int) -> Any:
    """What is written at an item; the only item of a list, and `train` of a task's `data`, may be left out."""
    if (isinstance(data, dict) and item == 0) or (isinstance(data, list) and isinstance(item, str)):
        return data
    try:
        return data[item]
    except (KeyError, IndexError, TypeError):
        return None
