"""The samples of an evaluation: a fixed order, nothing drawn, nothing replaced."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from multigraft.core.data.order import Order
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.types.rank import Rank
from multigraft.core.types.sample import Sample

if TYPE_CHECKING:
    from multigraft.core.data.reader import SampleReader
    from multigraft.core.data.source import TaskSource

_AHEAD = 128


@dataclass(frozen=True)
class LeftOut(Skipped):
    """A sample that is well, and that this evaluation is not about; it is listed nowhere as bad."""


class EvaluationSamples:
    """Each annotation exactly once over all ranks, in the shards' order; bad ones are listed and left out.

    Args:
        limit: take only so many annotations, drawn evenly from all.
        rank: this process; it takes every `world`-th of them.
    """

    def __init__(
        self,
        source: "TaskSource",
        reader: "SampleReader",
        log: SkippedLog,
        *,
        limit: int | None = None,
        threads: int = 2,
        rank: Rank = Rank(),  # noqa: B008 - frozen
    ) -> None:
        self._source, self._reader, self._log, self._threads = source, reader, log, threads
        self._order = Order(source.counts, 0, source.name, 1)
        size = self._order.size
        count = size if limit is None else min(limit, size)
        self._positions = [number * size // count for number in range(count)][rank.number :: rank.world]
        self.left_out = 0
        """Bad ones met so far, and those that the evaluation is not about."""

    @property
    def total(self) -> int:
        """This rank's annotations, bad ones among them."""
        return len(self._positions)

    def __iter__(self) -> Iterator[Sample]:
        """The samples, made ahead in threads."""
        places = map(self._order.unshuffled, self._positions)
        for result in in_order(lambda at: self._reader.read(self._source, at, None), places, self._threads, _AHEAD):
            if isinstance(result, Sample):
                yield result
                continue
            self.left_out += 1
            if not isinstance(result, LeftOut):
                self._log.note(result)
