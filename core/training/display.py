"""Where the steps of a run are shown: a live bar on a terminal, plain lines elsewhere; nothing is ever cut."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Line:
    """What is shown of a step."""

    step: int
    total: int
    losses: list[str]
    facts: list[str]
    due: bool
    """Whether it is time for a plain line."""


class Display(Protocol):
    """Where lines go."""

    def open(self) -> None: ...
    def show(self, line: Line) -> None: ...
    def message(self, text: str) -> None: ...
    def close(self, leave: bool = True) -> None: ...


class Nothing:
    """What a process shows that leaves it to another one."""

    def open(self) -> None:
        """Nothing."""

    def show(self, line: Line) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def close(self, leave: bool = True) -> None:
        """Nothing."""


class Lines:
    """A line every so many steps, and for the first and the last one."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def open(self) -> None:
        """Nothing to prepare."""

    def show(self, line: Line) -> None:
        if line.due:
            self.message("  ".join([f"step {line.step}/{line.total}", *line.losses, *line.facts]))

    def message(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def close(self, leave: bool = True) -> None:
        """Nothing to put away."""


class Bar:
    """A bar that is drawn anew four times a second; what does not fit beside it goes on below, never cut."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._drawn: RenderableType = ""

    def open(self) -> None:
        self._live = Live(self._drawn, console=self._console, redirect_stdout=False, vertical_overflow="visible")
        self._live.start()

    def show(self, line: Line) -> None:
        width = self._console.width
        told = [f"step {line.step}/{line.total}", *line.facts]
        rows = [*_rows(told, width), *_rows(line.losses, width)]
        bar = Table.grid()  # a bar alone ends no line
        bar.add_row(ProgressBar(line.total, line.step, width=min(30, width)))
        self._drawn = Group(bar, *map(Text, rows))
        if self._live:
            self._live.update(self._drawn)

    def message(self, text: str) -> None:
        self._console.print(Text(text))

    def close(self, leave: bool = True) -> None:
        if self._live:
            self._live.transient = not leave
            self._live.stop()
            self._live = None


def _rows(texts: Iterable[str], width: int) -> list[str]:
    """Texts side by side, as many as fit beside each other; none is broken that fits alone."""
    rows: list[str] = []
    for text in texts:
        if rows and len(rows[-1]) + 2 + len(text) <= width:
            rows[-1] += f"  {text}"
        else:
            rows.append(text)
    return rows
