"""How training goes: a live bar with each task's loss on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

from rich.console import Console

from multigraft.core.run.times import Times
from multigraft.core.training.display import Bar, Display, Line, Lines, Nothing
from multigraft.core.training.window import Window

_LINES = 50
"""Plain lines in a whole run, about; a bar shows the mean over as many steps."""


class Progress:
    """Shows the steps of a run from `first` to `total_steps`; a context manager.

    Losses, samples a second and the share of time spent waiting for data are those since the last line; the time left
    is for steps alone.

    Args:
        first: steps made before, in a run that is resumed.
        stream: where it shows them, sys.stderr if left out.
        times: where the time goes; only making steps and waiting for their data counts here.
        shown: False in processes that leave it to another one.
    """

    def __init__(
        self, total_steps: int, tasks: Iterable[str], first: int = 0, stream: TextIO | None = None,
        times: Times | None = None, shown: bool = True,
    ) -> None:  # fmt: skip
        self.total, self.first, self._times = total_steps, first, times or Times()
        self._every = max(1, total_steps // _LINES)
        self._window, self._closed = Window(self._times), False
        self._losses: dict[str, float | None] = dict.fromkeys(tasks)
        self._pace: list[str] = []
        console = Console(file=stream or sys.stderr, highlight=False)
        live = console.is_terminal and not console.is_dumb_terminal
        self._display: Display = (Bar(console) if live else Lines(console)) if shown else Nothing()
        self._began = self._times.spent("step", "wait")

    def __enter__(self) -> "Progress":
        self._began = self._times.spent("step", "wait")
        self._display.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.close()

    def step(self, step: int, losses: Mapping[str, float], rate: float, samples: int) -> None:
        """Step `step` is done, counted from 1; `losses` holds the mean loss of each task that was in its batch."""
        self._window.add(losses, samples)
        due = step % self._every == 0 or step in (1, self.total)
        if due or not self._closed:
            means, pace = self._window.means(), self._window.pace()
            self._losses = {task: means.get(task) for task in {**self._losses, **means}}
            self._pace = [f"{pace.samples_per_second:,.0f} samples/s", f"waiting {pace.waiting:.0%}"]
        self._display.show(Line(step, self.total, self._shown_losses(), self._facts(step, rate), due))
        if due:
            self._window.clear()
            self._closed = step > 1

    def _shown_losses(self) -> list[str]:
        return [f"{task} {'–' if loss is None else f'{loss:.3f}'}" for task, loss in self._losses.items()]

    def _facts(self, step: int, rate: float) -> list[str]:
        speed = (step - self.first) / max(self._times.spent("step", "wait") - self._began, 1e-9)
        per_second = f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"
        left = _minutes((self.total - step) / speed)
        return [f"rate {rate:.1e}", f"{per_second} steps/s", *self._pace, f"left {left}"]

    def message(self, text: str) -> None:
        """A line that stays."""
        self._display.message(text)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Leaves the terminal to something else, such as the scoring of a task."""
        self._display.close(leave=False)
        try:
            yield
        finally:
            self._display.open()


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
