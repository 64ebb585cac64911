"""Deals the samples of some steps in a row out to these steps, so that those of one batch are of about one length.

Each task's samples of a pool of steps are put in the order of their lengths and cut into as many slices as there are
steps; a permutation of the steps, the same for all tasks, says which step has the shortest of each, the next, and so
on. So the mix stays, every sample is drawn once, and a step's batch is a function of the seed and the step alone.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
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
        equal_length: whether a task's slices have about as much text, not as many samples.
        starts: first steps of the stages and, last, the end of the training: no pool reaches over one.
        seed: the run's seed.
        spread: of slices of equal length, each has its even share divided by this at least, and times this at most.
    """

    def __init__(self, steps: int, equal_length: bool, starts: Sequence[int], seed: int, spread: int) -> None:
        self._steps, self._equal_length, self._starts, self._seed = steps, equal_length, sorted({0, *starts}), seed
        self._spread = spread

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
    ) -> list[Draws]:
        """The samples of each step of a pool.

        Args:
            consumed: samples of each task before a step.
            lengths: of some of a task's samples.
        """
        drawn = [consumed(step) for step in range(pool.start, pool.stop + 1)]
        dealt = self._dealt(pool, drawn, lengths, self._equal_length)
        counts = [sum(after.values()) - sum(before.values()) for before, after in pairwise(drawn)]
        if all(len(own) * self._spread >= count for own, count in zip(dealt, counts, strict=True)):
            return dealt
        return self._dealt(pool, drawn, lengths, False)  # tasks of few samples: their roundings have come together

    def fewest(self, batch: int) -> int:
        """Samples that a step has at least, of batches of so many."""
        return batch // self._spread if self._equal_length else batch

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
            counts = np.diff([each[task] for each in drawn])[shortest_first]
            sizes = counts.copy()
            if equal_length:
                sizes[counts > 0] = _even(own[order], int((counts > 0).sum()), self._spread)
            for step, slice_ in zip(shortest_first, np.split(order, np.cumsum(sizes)[:-1]), strict=True):
                dealt[step] += [(task, first + int(each)) for each in slice_]
        return dealt


def _even(lengths: NDArray[np.int64], slices: int, spread: int) -> NDArray[np.int64]:
    """How many samples of rising lengths each slice has, so that all have about as much text, within the spread of an
    even share."""
    weights, count = np.cumsum(lengths + _OVERHEAD), len(lengths)
    numbers = np.arange(slices + 1)
    wanted = np.searchsorted(weights, numbers * (int(weights[-1]) if count else 0) // max(slices, 1), side="right")
    least, most = numbers * count // (spread * max(slices, 1)), numbers * -(-spread * count // max(slices, 1))
    ends = [0]
    for slice_ in range(1, slices + 1):
        lowest = max(ends[-1] + least[slice_] - least[slice_ - 1], count - most[slices - slice_])
        highest = min(ends[-1] + most[1], count - least[-1] + least[slice_])
        ends.append(int(min(max(wanted[slice_], lowest), highest)))
    sizes: NDArray[np.int64] = np.array(ends[1:], np.int64) - np.array(ends[:-1], np.int64)
    return sizes
