"""How training goes: a live bar with each task's loss on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Protocol, TextIO

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

_KEPT = 0.95
"""Share of the running mean that a step keeps."""
_LINES = 50
"""Plain lines in a whole run, about."""


class Progress:
    """Shows the steps of a run from `first` to `total_steps`; a context manager.

    Args:
        first: steps made before, in a run that is resumed.
        stream: where it shows them, sys.stderr if left out.
        clock: seconds, from any start.
        shown: False in processes that leave it to another one.
    """

    def __init__(
        self, total_steps: int, tasks: Iterable[str], first: int = 0, stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic, shown: bool = True,
    ) -> None:  # fmt: skip
        self.total, self.first, self._clock = total_steps, first, clock
        self._losses = {task: RunningMean() for task in tasks}
        console = Console(file=stream or sys.stderr, highlight=False)
        live = console.is_terminal and not console.is_dumb_terminal
        lines = _Lines(console, max(1, total_steps // _LINES))
        self._display: _Display = (_Bar(console) if live else lines) if shown else _Nothing()
        self._started = clock()

    def __enter__(self) -> "Progress":
        self._started = self._clock()
        self._display.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.close()

    def step(self, step: int, losses: Mapping[str, float], rate: float) -> None:
        """Step `step` is done, counted from 1; `losses` holds the mean loss of each task that was in its batch."""
        for task, loss in losses.items():
            self._losses.setdefault(task, RunningMean()).add(loss)
        speed = (step - self.first) / max(self._clock() - self._started, 1e-9)
        means = [f"{task} {mean}" for task, mean in self._losses.items()]
        per_second = f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"
        left = _minutes((self.total - step) / speed)
        self._display.show(step, self.total, [*means, f"rate {rate:.1e}", f"{per_second} steps/s", f"left {left}"])

    def message(self, text: str) -> None:
        """A line that stays."""
        self._display.message(text)


class RunningMean:
    """An exponential mean that starts at the first value; «–» before it."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        """Take one more value."""
        self.value = value if self.value is None else _KEPT * self.value + (1 - _KEPT) * value

    def __str__(self) -> str:
        return "–" if self.value is None else f"{self.value:.3f}"


class _Display(Protocol):
    def open(self) -> None: ...
    def show(self, step: int, total: int, facts: list[str]) -> None: ...
    def message(self, text: str) -> None: ...
    def close(self) -> None: ...


class _Nothing:
    """What a process shows that leaves it to another one."""

    def open(self) -> None:
        """Nothing."""

    def show(self, step: int, total: int, facts: list[str]) -> None:
        """Nothing."""

    def message(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Lines:
    """A line every so many steps, and for the first and the last one."""

    def __init__(self, console: Console, every: int) -> None:
        self._console, self._every = console, every

    def open(self) -> None:
        """Nothing to prepare."""

    def show(self, step: int, total: int, facts: list[str]) -> None:
        if step % self._every == 0 or step in (1, total):
            self.message("  ".join([f"step {step}/{total}", *facts]))

    def message(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        """Nothing to put away."""


class _Bar:
    """A bar that is drawn anew four times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, redirect_stdout=False)

    def open(self) -> None:
        self._live.start()

    def show(self, step: int, total: int, facts: list[str]) -> None:
        line = Table.grid(padding=(0, 2))
        line.add_row(ProgressBar(total, step, width=30), f"step {step}/{total}", *facts[-3:])
        self._live.update(Group(line, Columns(facts[:-3], padding=(0, 2))))

    def message(self, text: str) -> None:
        self._console.print(Text(text))

    def close(self) -> None:
        self._live.stop()


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
