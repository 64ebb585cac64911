"""The order of a task's annotations: a pure function of (seed, epoch, task, position)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.seeding import permutation, seeded


class Place(NamedTuple):
    """One annotation of a task: which pass over the data, which shard, which of the task's annotations in it."""

    epoch: int
    shard: int
    row: int


@dataclass(frozen=True)
class _Epoch:
    shards: list[int]
    """The order of the shards."""
    starts: list[int]
    """First position of each shard, in that order, before windows are shuffled, and the number of all positions."""


class Order:
    """Shards are permuted in each epoch, then the annotations of every `window` shards in a row are shuffled.

    Args:
        counts: annotations of the task in each shard.
        seed: the run's seed.
        task: name of the task, so that tasks over the same shards have different orders.
        window: shards that are shuffled together.
    """

    def __init__(self, counts: Sequence[int], seed: int, task: str, window: int) -> None:
        self._counts = np.asarray(counts, np.int64)
        self._seed, self._task, self._window = seed, task, window
        self._ends: list[int] = np.cumsum(self._counts).tolist()
        self.size = int(self._counts.sum())
        self._epoch = lru_cache(maxsize=2)(self._make_epoch)
        self._shuffled = lru_cache(maxsize=4)(self._make_window)

    def place(self, index: int) -> Place:
        """The annotation that stands at `index`, counted over all epochs; each occurs once an epoch."""
        number, position = divmod(index, self.size)
        epoch = self._epoch(number)
        window = (bisect_right(epoch.starts, position) - 1) // self._window
        start = epoch.starts[window * self._window]
        return self._in_epoch(number, start + int(self._shuffled(number, window)[position - start]))

    def drawn(self, index: int, attempt: int) -> Place:
        """The replacement for the annotation at `index`, drawn anew for each attempt."""
        epoch, position = divmod(index, self.size)
        key = ("replacement", self._seed, epoch, self._task, position, attempt)
        return self._in_epoch(epoch, seeded(*key) % self.size)

    def unshuffled(self, position: int) -> Place:
        """The annotation at `position` in the order of the shards as given, for evaluation."""
        shard = bisect_right(self._ends, position)
        return Place(0, shard, position - self._ends[shard] + int(self._counts[shard]))

    def _in_epoch(self, number: int, position: int) -> Place:
        epoch = self._epoch(number)
        place = bisect_right(epoch.starts, position) - 1
        return Place(number, epoch.shards[place], position - epoch.starts[place])

    def _make_epoch(self, number: int) -> _Epoch:
        shards = permutation(len(self._counts), "shards", self._seed, number, self._task)
        return _Epoch(shards.tolist(), [0, *np.cumsum(self._counts[shards]).tolist()])

    def _make_window(self, number: int, window: int) -> NDArray[np.intp]:
        starts = self._epoch(number).starts
        first, last = window * self._window, min((window + 1) * self._window, len(self._counts))
        count = starts[last] - starts[first]
        return permutation(count, "window", self._seed, number, self._task, window)
