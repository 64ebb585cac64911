"""The options of a component as a recipe's author writes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from multigraft.core.options.base import Options, Section
from multigraft.core.recipe.schema_walk import field_annotation, models_of
from multigraft.core.recipe.writing import allowed
from multigraft.core.registry.registry import Registry


@dataclass(frozen=True)
class Option:
    """One key, those of a section below it joined by dots."""

    name: str
    help: str
    type: str
    """What may be written: `whole number, >= 1`, `one of linear, cosine`."""
    default: str
    """As YAML on one line."""
    required: bool


def options_of(model: type[Section], registry: Registry, prefix: str = "") -> Iterator[Option]:
    """The keys of a model but `kind`, and those of its sections that are no components."""
    for name, field in model.model_fields.items():
        if name == "kind":
            continue
        yield Option(f"{prefix}{name}", *_told(field, registry))
        for section in models_of(field_annotation(field), None, registry):
            if not issubclass(section, Options):
                yield from options_of(section, registry, f"{prefix}{name}.")


def _told(field: FieldInfo, registry: Registry) -> tuple[str, str, str, bool]:
    help_text = " ".join((field.description or "").split())
    value = field.get_default(call_default_factory=True) if not field.is_required() else None
    return help_text, allowed(field_annotation(field), registry), _written(value), field.is_required()


def _written(value: Any) -> str:
    """A value on one line; a component that has only its kind is written as its bare name."""
    plain = _plain(value)
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf"))
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return _plain(value.model_dump(mode="json", exclude_unset=True))
    if isinstance(value, Mapping):
        return value["kind"] if list(value) == ["kind"] else {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
