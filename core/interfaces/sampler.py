"""Sampler: how many samples of each task the global batch of a step holds.

A component's `build(options, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler`; `sizes` are the numbers of
annotations of the tasks, in the recipe's order, and `batch` is `train.batch`. A sampler keeps no history: all functions
are closed forms of the step, so a stream can start anywhere. Batches need not be of one size: options whose batches may
be larger than `batch` say so (`SamplerOptions.largest_batch`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping


class Sampler(ABC):
    """The composition of the global batch as a pure function of the step."""

    @abstractmethod
    def consumed(self, step: int) -> Mapping[str, int]:
        """Samples of each task in all steps before `step` together; never falls, and every step has some."""

    def counts(self, step: int) -> dict[str, int]:
        """Samples of each task in the batch of `step` (counted from 0)."""
        before, after = self.consumed(step), self.consumed(step + 1)
        return {task: after[task] - before[task] for task in after}

    def epoch_steps(self, sizes: Mapping[str, int], batch: int) -> int:
        """Steps of an epoch: those in which batches of `batch` draw as many samples as all tasks have together."""
        return -(-sum(sizes.values()) // batch)
