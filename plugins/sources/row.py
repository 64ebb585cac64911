"""One row of a table, or what is wrong with one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TableRow:
    """A row of a file; `number` counts from 0."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class BrokenRow:
    """A row that has not the form of its file."""

    number: int
    detail: str
    rows: int = 1
    """How many it stands for, at most."""
