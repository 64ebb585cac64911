"""Counting a job of known length: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES = 15.0


class CountBar:
    """Shows nothing until something is done; a context manager."""

    def __init__(self, label: str) -> None:
        self._label, self._console = label, Console(stderr=True, highlight=False)
        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console) if self._console.is_terminal else None
        self._job, self._said, self._started = self._bar.add_task("") if self._bar else None, 0.0, time.monotonic()

    def __enter__(self) -> "CountBar":
        self._started = self._said = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, done: int, total: int) -> None:
        """So much is done of all."""
        if self._bar and self._job is not None:
            self._bar.start()
            self._bar.update(self._job, completed=done, total=total)
        elif done == total or time.monotonic() - self._said > _SECONDS_BETWEEN_LINES:
            self._said = time.monotonic()
            print(f"{self._label}: {done}/{total}, {self._said - self._started:.0f} s", file=sys.stderr, flush=True)
