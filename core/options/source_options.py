"""Base of the options of sources."""

from typing import Annotated, Any

from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_serializer,
)

from multigraft.core.options.base import Options
from multigraft.core.options.names import DataPath

_Path = Annotated[str, Field(min_length=1), DataPath()]


class SourceOptions(Options):
    """Base of the options of a source."""

    files: list[_Path] = Field(min_length=1)
    """Files or folders to read. In a recipe relative paths start at `data.root`, and patterns name several."""
    task: str = ""
    """Task of all annotations: a task's kind, or its name in the recipe, where it may be left out: then it is what the
    task takes."""
    source: str = ""
    """Name of this data set, by which scores are told apart."""
    media: list[_Path] = Field([])
    """Folders and tars where media lie; if left out, where the source says."""

    _short: bool = PrivateAttr(False)

    @field_validator("files", "media", mode="before")
    @classmethod
    def _text_is_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_serializer("media", mode="wrap")
    def _media_as_written(self, media: list[str], write: SerializerFunctionWrapHandler) -> Any:
        written = write(media)
        return written[0] if len(written) == 1 else written

    @classmethod
    def of_short(cls, key: str, given: dict[str, Any], context: Any) -> "SourceOptions":
        """The options that are written as `KIND: FILES`, and are written back so."""
        rest = {name: value for name, value in given.items() if name != key}
        options = cls.model_validate({"kind": key, "files": given[key], **rest}, context=context)
        options._short = True
        return options

    def place_of(self, location: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Where a recipe has what these options have at a location."""
        return (self.kind, *location[1:]) if self._short and location[:1] == ("files",) else location

    @model_serializer(mode="wrap")
    def _as_given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what was left out: a recipe stays as short as it was written."""
        written: dict[str, Any] = {name: value for name, value in write(self).items() if name in self.model_fields_set}
        if not (self._short and "files" in written):
            return written
        files = written.pop("files")
        return {written.pop("kind"): files[0] if len(files) == 1 else files, **written}
