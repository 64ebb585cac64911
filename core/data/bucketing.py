"""Deals the samples of some steps in a row out to these steps, so that those of one batch are of about one length.

Each task's samples of a pool of steps are put in the order of their lengths and cut into as many slices as there are
steps; a permutation of the steps, the same for all tasks, says which step has the shortest of each, the next, and so
on. So the mix stays, every sample is drawn once, and a step's batch is a function of the seed and the step alone.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.seeding import permutation

_OVERHEAD = 32
"""Characters that a sample of no text counts, where batches are of equal length."""
Draws = list[tuple[str, int]]
"""Tasks, and which of a task's samples, counted over all epochs."""


class Pool(NamedTuple):
    """Steps from `start` up to, not including, `stop`."""

    start: int
    stop: int


class Buckets:
    """Which samples a step has.

    Args:
        steps: steps of a pool.
        equal_length: whether a task's slices have about as much text, not as many samples; a slice has a quarter of its
            even share at least.
        starts: first steps of the stages and, last, the end of the training: no pool reaches over one.
        seed: the run's seed.
    """

    def __init__(self, steps: int, equal_length: bool, starts: Sequence[int], seed: int) -> None:
        self._steps, self._equal_length, self._starts, self._seed = steps, equal_length, sorted({0, *starts}), seed

    def pool(self, step: int) -> Pool:
        """The pool of a step."""
        place = bisect_right(self._starts, step)
        first, stops = self._starts[place - 1], self._starts[place:]
        start = step - (step - first) % self._steps
        return Pool(start, min(start + self._steps, *stops[:1]) if stops else start + self._steps)

    def dealt(
        self,
        pool: Pool,
        consumed: Callable[[int], Mapping[str, int]],
        lengths: Callable[[str, range], Sequence[int]],
        least: int,
    ) -> list[Draws]:
        """The samples of each step of a pool.

        Args:
            consumed: samples of each task before a step.
            lengths: of some of a task's samples.
            least: samples that every step must have; where lengths would leave fewer, the steps of this pool have as
                many of each task as without buckets.
        """
        drawn = [consumed(step) for step in range(pool.start, pool.stop + 1)]
        dealt = self._dealt(pool, drawn, lengths, self._equal_length)
        return dealt if min(map(len, dealt)) >= least else self._dealt(pool, drawn, lengths, False)

    def _dealt(
        self,
        pool: Pool,
        drawn: Sequence[Mapping[str, int]],
        lengths: Callable[[str, range], Sequence[int]],
        equal_length: bool,
    ) -> list[Draws]:
        count = pool.stop - pool.start
        shortest_first = permutation(count, "buckets", self._seed, pool.start)
        dealt: list[Draws] = [[] for _ in range(count)]
        for task, first in drawn[0].items():
            own = np.asarray(lengths(task, range(first, drawn[-1][task])), np.int64)
            order = np.argsort(own, kind="stable")
            if equal_length:
                sizes = _even(own[order], count)
            else:
                sizes = np.diff([each[task] for each in drawn])[shortest_first]
            for step, slice_ in zip(shortest_first, np.split(order, np.cumsum(sizes)[:-1]), strict=True):
                dealt[step] += [(task, first + int(each)) for each in slice_]
        return dealt


def _even(lengths: NDArray[np.int64], slices: int) -> NDArray[np.int64]:
    """How many samples of rising lengths each slice has, so that all have about as much text, and each a quarter of
    its even share of samples at least."""
    weights = np.cumsum(lengths + _OVERHEAD)
    numbers = np.arange(1, slices + 1)
    wanted = numbers * (int(weights[-1]) if len(weights) else 0) // slices
    least = numbers * len(lengths) // (4 * slices)
    above = np.maximum.accumulate(np.searchsorted(weights, wanted, side="right") - least)
    ends = np.minimum(above, len(lengths) - least[-1]) + least
    sizes: NDArray[np.int64] = np.diff(ends, prepend=0)
    return sizes
