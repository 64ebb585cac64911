"""The base of every pydantic model of a recipe."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

LARGEST_WHOLE = 2**63 - 1
LARGEST = 1e30


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, docstrings under fields are their help."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )
    replaced: ClassVar[Mapping[str, str]] = {}
    """Keys that earlier releases had, and what to write instead."""

    @field_validator("*")
    @classmethod
    def _usable_numbers(cls, value: Any) -> Any:
        """Also those that a field of any type holds: finite, and within what libraries can take."""
        for number in _numbers(value):
            if not math.isfinite(number):
                raise ValueError(f"{number} should be a finite number")
            if abs(number) > (LARGEST_WHOLE if isinstance(number, int) else LARGEST):
                raise ValueError(f"{number:.3g} is too large a number")
        return value


class Options(Section):
    """The options of one component; `kind` is the component's name. `kind: x` may be shortened to `x`."""

    kind: str
    """Name of the component, bare or as `plugin/name`."""

    @model_validator(mode="before")
    @classmethod
    def _expand_bare_name(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, list | tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)


def as_written(value: Any, **constraints: Any) -> Any:
    """A field whose default is given as a recipe would write it; validation makes the model of it."""
    return Field(value, **constraints)
