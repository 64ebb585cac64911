"""Tables of which nothing is cut: long words are folded on a terminal, and a pipe or a file is as wide as it takes."""

from collections.abc import Collection
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDE = 10_000
"""Characters; a table takes no more than it needs."""


def console(file: TextIO) -> Console:
    """Prints tables to a terminal in its width, to anything else without a limit."""
    return Console(file=file, width=None if file.isatty() else _WIDE)


def table(*columns: str, title: str | None = None, numbers: Collection[str] = ()) -> Table:
    """A table without rows whose long words are folded.

    Args:
        numbers: columns that are set to the right.
    """
    made = Table(title=title, title_justify="left")
    for name in columns:
        made.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return made


def add_row(to: Table, *cells: object) -> None:
    """Add a row of plain texts: brackets in them are no markup."""
    to.add_row(*(escape(str(cell)) for cell in cells))
