"""The stream of training: mixed batches whose order is a pure function of (seed, step), on every rank."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from multigraft.core.data.bucketing import Buckets, Pool
from multigraft.core.data.order import Order
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.skipped import Lacking, Skipped
from multigraft.core.errors import MultigraftError
from multigraft.core.types.rank import Rank
from multigraft.core.types.sample import Sample

if TYPE_CHECKING:
    from multigraft.core.data.reader import SampleReader
    from multigraft.core.data.skipped import SkippedLog
    from multigraft.core.data.source import TaskSource
    from multigraft.core.interfaces.sampler import Sampler

_ATTEMPTS = 50
_BATCHES_AHEAD = 2
_AT_ONCE = 8
"""Samples that a thread reads in a row, at most: handing one over takes as long as finding it."""


@dataclass(frozen=True)
class Draw:
    """A place in a global batch: the task, and which of its annotations, counted over all epochs."""

    task: str
    index: int


@dataclass(frozen=True)
class Drawn:
    """What this process has drawn for a step."""

    step: int
    samples: tuple[Sample, ...]
    bad: tuple[Skipped, ...]
    """Those that were bad, and were replaced."""
    total: int
    """Samples of the global batch."""
    tasks: tuple[str, ...]
    """Tasks of the global batch."""
    lacking: Lacking | None = None
    """A task of which all samples drawn are bad, so that the run cannot go on; nothing is drawn behind it."""


class Stream:
    """Batches of samples. Its whole state is the step: a stream made with the same arguments goes on from anywhere,
    also with another number of ranks or threads."""

    def __init__(
        self,
        sources: "Mapping[str, TaskSource]",
        sampler: "Sampler",
        reader: "SampleReader",
        log: "SkippedLog",
        *,
        seed: int,
        batch: int,
        window: int,
        threads: int = 2,
        rank: Rank = Rank(),  # noqa: B008 - frozen
        buckets: Buckets | None = None,
    ) -> None:
        fewest = buckets.fewest(batch) if buckets else batch
        if fewest < rank.world:
            raise MultigraftError(f"a batch of {fewest} gives some of the {rank.world} processes no sample")
        self._sources, self._sampler, self._reader, self._log = sources, sampler, reader, log
        self._seed, self._batch, self._threads, self._rank = seed, batch, threads, rank
        self._buckets, self._dealt = buckets, lru_cache(maxsize=2)(self._deal)
        self._orders = {name: Order(source.counts, seed, name, window) for name, source in sources.items()}

    @property
    def sizes(self) -> dict[str, int]:
        """Annotations of each task: its epoch."""
        return {name: order.size for name, order in self._orders.items()}

    def epochs(self, step: int) -> dict[str, float]:
        """How often each task's annotations were seen before `step`."""
        return {task: count / self._orders[task].size for task, count in self._sampler.consumed(step).items()}

    def composition(self, step: int) -> list[Draw]:
        """The global batch of a step, the same on every rank."""
        if self._buckets:
            pool = self._buckets.pool(step)
            return self._dealt(self._buckets, pool)[step - pool.start]
        before, after = self._sampler.consumed(step), self._sampler.consumed(step + 1)
        return [Draw(task, index) for task in self._sources for index in range(before[task], after[task])]

    def _deal(self, buckets: Buckets, pool: Pool) -> list[list[Draw]]:
        dealt = buckets.dealt(pool, self._sampler.consumed, self._lengths)
        return [[Draw(task, index) for task in self._sources for own, index in step if own == task] for step in dealt]

    def _lengths(self, task: str, indices: range) -> list[int]:
        source, order = self._sources[task], self._orders[task]
        return [source.length(order.place(index)) for index in indices]

    def batches(self, start: int, stop: int) -> Iterator[list[Sample]]:
        """As `drawn` and `take`, where nothing is done between."""
        for drawn in self.drawn(start, stop):
            self.take(drawn)
            yield list(drawn.samples)

    def drawn(self, start: int, stop: int) -> Generator["Drawn"]:
        """This rank's samples of the steps from `start` up to, not including, `stop`, made ahead in threads."""
        steps = range(start, stop)
        draws = (draw for step in steps for draw in self._own(step))
        own = len(self._own(start))
        at_once = max(1, min(_AT_ONCE, own // (2 * self._threads)))
        groups = iter(lambda: list(islice(draws, at_once)), [])
        ahead = -(-_BATCHES_AHEAD * own // at_once) + self._threads
        loaded = chain.from_iterable(in_order(self._load_all, groups, self._threads, ahead))
        for step in steps:
            samples: list[Sample] = []
            bad: list[Skipped] = []
            place, composition = self._rank.number, self.composition(step)
            tasks = tuple(dict.fromkeys(draw.task for draw in composition))
            for task, sample, found in islice(loaded, len(self._own(step))):
                if sample is None:
                    lacking = Lacking(task, tuple(found))
                    yield Drawn(step, tuple(samples), tuple(bad), len(composition), tasks, lacking)
                    return
                samples.append(replace(sample, place=place))
                place += self._rank.world
                bad += found
            yield Drawn(step, tuple(samples), tuple(bad), len(composition), tasks)

    def take(self, drawn: "Drawn") -> None:
        """Put what was drawn for a step into the log, when its batch is handed out: so the log's counts are those of
        the steps made and no others, whatever was read ahead. Over several processes all call it for each step.

        Raises:
            TooManyBadSamples: in every process: more are bad than the limit explains, or a task has none but bad ones.
        """
        self._log.take(drawn.total, drawn.bad, drawn.lacking)

    def _own(self, step: int) -> list[Draw]:
        return self.composition(step)[self._rank.number :: self._rank.world]

    def _load_all(self, draws: Sequence[Draw]) -> list[tuple[str, Sample | None, list[Skipped]]]:
        return list(map(self._load, draws))

    def _load(self, draw: Draw) -> tuple[str, Sample | None, list[Skipped]]:
        """The task and sample of a place, and the bad ones it replaces; no sample if all that were drawn are bad."""
        source, order = self._sources[draw.task], self._orders[draw.task]
        place = order.place(draw.index)
        bad: list[Skipped] = []
        while len(bad) < _ATTEMPTS:
            result = self._reader.read(source, place, self._seed)
            if isinstance(result, Sample):
                return draw.task, result, bad
            place = order.drawn(draw.index, len(bad))
            bad.append(result)
        return draw.task, None, bad
