"""What stands in a recipe, and where: its components, and its values that are marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin

from multigraft.core.options.base import Options, Section
from multigraft.core.options.component_field import Registered, RegisteredByKey
from multigraft.core.recipe.schema_walk import field_annotation

Location = tuple[str | int, ...]
Mark = TypeVar("Mark")


@dataclass(frozen=True)
class Used:
    """One component in a recipe."""

    location: Location
    kind: str
    """Kind of component, such as `adapters`."""
    options: Options


@dataclass(frozen=True)
class Found:
    """A value below a section, or the key of a mapping, with the annotation that it stands under."""

    location: Location
    annotation: Any
    value: Any
    is_key: bool = False

    def mark(self, kind: type[Mark]) -> Mark | None:
        """The mark of a kind in `Annotated[..., mark]`, if there is one."""
        return mark_of(self.annotation, kind)


def components_of(section: Section) -> Iterator[Used]:
    """Every component below a section, outer ones first."""
    for found in walk(section):
        mark = found.mark(Registered) if isinstance(found.value, Options) else None
        if mark is not None:
            yield Used(found.location, mark.component_kind, found.value)


def walk(section: Section, location: Location = ()) -> Iterator[Found]:
    """Every value below a section, in options of plugins too, outer ones first."""
    for name, field in type(section).model_fields.items():
        yield from _below(Found((*location, name), field_annotation(field), getattr(section, name)))


def _below(found: Found) -> Iterator[Found]:
    yield found
    value = found.value
    if isinstance(value, Section):
        yield from walk(value, found.location)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _below(Found((*found.location, index), _argument(found.annotation, -1), one))
    elif isinstance(value, dict):
        by_key = found.mark(RegisteredByKey)
        for key, one in value.items():
            place = (*found.location, key)
            yield Found(place, _argument(found.annotation, 0), key, is_key=True)
            annotation = Annotated[Options, by_key.of(key)] if by_key else _argument(found.annotation, -1)
            yield from _below(Found(place, annotation, one))


def _argument(annotation: Any, number: int) -> Any:
    """An argument of a list or mapping, also where it is one of several choices."""
    if get_origin(annotation) in (list, tuple, dict):
        return get_args(annotation)[number]
    inner = [_argument(one, number) for one in get_args(annotation)]
    return next((one for one in inner if one is not None), None)


def mark_of(annotation: Any, kind: type[Mark]) -> Mark | None:
    """The mark of a kind in an annotation; items of lists and mappings have their own."""
    arguments = get_args(annotation)
    if get_origin(annotation) in (list, tuple, dict):
        return None
    if get_origin(annotation) is Annotated:
        return next((one for one in arguments[1:] if isinstance(one, kind)), None) or mark_of(arguments[0], kind)
    return next((mark for one in arguments if (mark := mark_of(one, kind)) is not None), None)
