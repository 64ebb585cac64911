"""The samples of an evaluation: a fixed order, nothing drawn, nothing replaced."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from multigraft.core.data.batch import Sample
from multigraft.core.data.order import Order
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.data.stream import Share

if TYPE_CHECKING:
    from multigraft.core.data.reader import SampleReader
    from multigraft.core.data.source import TaskSource

_AHEAD = 128


@dataclass(frozen=True)
class LeftOut(Skipped):
    """A sample that is well, and that this evaluation is not about; it is listed nowhere as bad."""


def evaluation_samples(
    source: "TaskSource",
    reader: "SampleReader",
    log: SkippedLog,
    *,
    limit: int | None = None,
    threads: int = 2,
    share: Share = Share(),  # noqa: B008 - frozen
) -> Iterator[Sample]:
    """Each annotation exactly once over all ranks, in the shards' order; bad ones are listed and left out.

    Args:
        limit: take only so many annotations, drawn evenly from all.
        share: this rank takes every `world`-th annotation.
    """
    order = Order(source.counts, 0, source.name, 1)
    count = order.size if limit is None else min(limit, order.size)
    positions = [number * order.size // count for number in range(count)][share.rank :: share.world]
    places = map(order.unshuffled, positions)
    for result in in_order(lambda place: reader.read(source, place, None), places, threads, _AHEAD):
        if isinstance(result, Sample):
            yield result
        elif not isinstance(result, LeftOut):
            log.note(result)
