"""The steps since the last line: the mean loss of each task, samples a second, and the share of time spent waiting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multigraft.core.run.times import Times


@dataclass(frozen=True)
class Pace:
    """How fast steps are made."""

    samples_per_second: float
    """Samples of all processes."""
    waiting: float
    """Share of the time spent waiting for data, for the slowest of several processes; 0 to 1."""


class Window:
    """Takes steps until a line is made of them.

    Args:
        times: where the time went; evaluations and checkpoints are no part of a window's time.
    """

    def __init__(self, times: Times) -> None:
        self._times = times
        self.clear()

    def add(self, losses: Mapping[str, float], samples: int) -> None:
        """A step was made."""
        self.samples += samples
        for task, loss in losses.items():
            total, steps = self.losses.get(task, (0.0, 0))
            self.losses[task] = (total + loss, steps + 1)

    def means(self) -> dict[str, float]:
        """Mean loss of each task over the steps in which it occurred."""
        return {task: total / steps for task, (total, steps) in self.losses.items()}

    def pace(self) -> Pace:
        """How fast the steps were."""
        lasted = max(self._times.spent("step", "wait") - self._began, 1e-9)
        return Pace(self.samples / lasted, min(1.0, (self._times.spent("wait") - self._waited) / lasted))

    def clear(self) -> None:
        """A line was made: begin anew."""
        self.losses: dict[str, tuple[float, int]] = {}
        self.samples = 0
        self._began, self._waited = self._times.spent("step", "wait"), self._times.spent("wait")

    def state(self) -> dict[str, Any]:
        """Sums and numbers of steps by task, for a checkpoint; its time begins anew in each session."""
        return {task: list(held) for task, held in self.losses.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the losses of a checkpoint."""
        self.losses = {task: (float(total), int(steps)) for task, (total, steps) in state.items()}
