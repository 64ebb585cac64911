"""The base of every pydantic model of a recipe."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors, docstrings under fields are their help."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False, validate_default=True
    )


class Options(Section):
    """The options of one component; `kind` is the component's name. `kind: x` may be shortened to `x`."""

    kind: str
    """Name of the component, bare or as `plugin/name`."""

    @model_validator(mode="before")
    @classmethod
    def _expand_bare_name(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value


def as_written(value: Any, **constraints: Any) -> Any:
    """A field whose default is given as a recipe would write it; validation makes the model of it."""
    return Field(value, **constraints)
