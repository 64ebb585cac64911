"""Counting a job of known length: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 15.0


class ProgressBar:
    """Shows nothing until something is done; a context manager.

    Args:
        shown: False in processes that leave it to another one.
    """

    def __init__(self, label: str, shown: bool = True) -> None:
        self._label, self._console, self._shown = label, Console(stderr=True, highlight=False), shown
        columns = (TextColumn(escape(label)), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console) if shown and self._console.is_terminal else None
        self._job, self._said, self._started = self._bar.add_task("") if self._bar else None, 0.0, time.monotonic()
        self._done = 0

    def __enter__(self) -> "ProgressBar":
        self._started = self._said = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """So much is done of all."""
        self._done = done
        if self._bar and self._job is not None:
            self._bar.start()
            self._bar.update(self._job, completed=done, total=total)
        elif self._shown and (done == total or time.monotonic() - self._said > _SECONDS_BETWEEN_LINES):
            self._said = time.monotonic()
            print(f"{self._label}: {done}/{total}, {self._said - self._started:.0f} s", file=sys.stderr, flush=True)

    def finish(self, total: int) -> None:
        """All is done, also where the last of it was left out without an update."""
        if self._done < total:
            self.update(total, total)
