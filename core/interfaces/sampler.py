"""Sampler: how many samples of each task the global batch of a step holds.

A component's `build(options, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler`; `sizes` are the numbers of
annotations of the tasks, in the recipe's order. A sampler keeps no history: both functions are closed forms of the
step, so a stream can start anywhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping


class Sampler(ABC):
    """The composition of the global batch as a pure function of the step."""

    @abstractmethod
    def consumed(self, step: int) -> Mapping[str, int]:
        """Samples of each task in all steps before `step` together; never falls, and sums to `step * batch`."""

    def counts(self, step: int) -> dict[str, int]:
        """Samples of each task in the batch of `step` (counted from 0); they sum to the batch size."""
        before, after = self.consumed(step), self.consumed(step + 1)
        return {task: after[task] - before[task] for task in after}
