"""Base of the options of sources."""

from typing import Annotated

from pydantic import Field

from multigraft.core.options.base import Options


class SourceOptions(Options):
    """Base of the options of a source."""

    files: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    """Files or folders to read."""
    task: str = Field(min_length=1)
    """Task of all annotations: a task's kind, or its name in the recipe."""
    source: str = ""
    """Name of this data set, by which scores are told apart."""
