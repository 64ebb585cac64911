"""A few annotations of a task, to look at before a training begins."""

from collections.abc import Iterator
from random import Random

from multigraft.core.data.order import Order
from multigraft.core.data.seeding import seeded
from multigraft.core.data.shard import Shard
from multigraft.core.data.source import TaskSource
from multigraft.core.errors import BadSample
from multigraft.core.types.annotation import Annotation

LOOKED_AT = 200
"""Annotations of a task and split, at most."""


def excerpt(source: TaskSource) -> list[Annotation]:
    """Annotations drawn evenly, the same ones each time; without those that cannot be read."""
    return [annotation for _, _, annotation in with_places(source)]


def with_places(source: TaskSource) -> Iterator[tuple[Shard, int, Annotation]]:
    """The annotations of `excerpt`, each with its shard and its row there."""
    order = Order(source.counts, 0, source.name, 1)
    count = min(LOOKED_AT, order.size)
    draw = Random(seeded("cut estimate", source.name))  # not every n-th: data may repeat a pattern
    for drawn in sorted(draw.sample(range(order.size), count)):
        shard, row = source.locate(order.unshuffled(drawn))
        try:
            yield shard, row, shard.annotation(row)
        except BadSample:
            continue
