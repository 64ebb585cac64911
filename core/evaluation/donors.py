"""Which samples of a task may lend their media to another: those that share no medium with it."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from multigraft.core.data.order import Order, Place
from multigraft.core.data.shard import Content
from multigraft.core.errors import BadSample
from multigraft.core.types.media import ending_of

if TYPE_CHECKING:
    from multigraft.core.data.source import TaskSource

_DRAWS = 64
"""Random draws before all samples of the task are looked through."""


@dataclass(frozen=True)
class _Media:
    """What an annotation shows, by the shard's index: the same picture under another key is the same medium, and where
    media lie apart, the same name."""

    kinds: tuple[str, ...]
    contents: frozenset[Content]


class Donors:
    """The donors of a task's samples, looked up in the shards' indices; nothing is decoded.

    Args:
        kinds: kind of media by extension, `image` or `video`.
    """

    def __init__(self, source: "TaskSource", kinds: Mapping[str, str]) -> None:
        self._source, self._kinds = source, kinds
        self._order = Order(source.counts, 0, source.name, 1)
        self._known: dict[tuple[int, int], _Media | None] = {}
        self._fitting: dict[_Media, list[Place]] = {}

    def of(self, place: Place, draw: random.Random) -> Iterator[Place]:
        """All donors of the sample at a place in a random order, so that the first is drawn uniformly from them.

        A donor has as many media of each kind, and none that the sample has too.
        """
        wanted = self._media(place)
        if wanted is None or not wanted.contents:
            return
        seen: set[Place] = set()
        for _ in range(_DRAWS):
            donor = self._order.unshuffled(draw.randrange(self._order.size))
            if donor not in seen and _fits(self._media(donor), wanted):
                seen.add(donor)
                yield donor
        rest = [donor for donor in self._all(wanted) if donor not in seen]
        yield from draw.sample(rest, len(rest))

    def _all(self, wanted: _Media) -> list[Place]:
        if wanted.contents & self._everywhere:
            return []
        if wanted not in self._fitting:
            self._fitting[wanted] = [place for place in self._places if _fits(self._media(place), wanted)]
        return self._fitting[wanted]

    @cached_property
    def _places(self) -> list[Place]:
        return [self._order.unshuffled(position) for position in range(self._order.size)]

    @cached_property
    def _everywhere(self) -> frozenset[Content]:
        """Media that every sample has; who has one of these has no donor."""
        contents = [known.contents for place in self._places if (known := self._media(place))]
        return frozenset.intersection(*contents) if contents else frozenset()

    def _media(self, place: Place) -> _Media | None:
        """None where the annotation cannot be read."""
        key = (place.shard, place.row)
        if key not in self._known:
            self._known[key] = self._look_up(place)
        return self._known[key]

    def _look_up(self, place: Place) -> _Media | None:
        shard, row = self._source.locate(place)
        try:
            fields = shard.annotation(row).media
        except BadSample:
            return None
        found = [shard.content(shard.sample(row), field) for field in fields]
        contents = [each for each in found if each is not None]
        if len(contents) < len(fields):
            return None
        kinds = sorted(self._kinds.get(ending_of(field), "") for field in fields)
        return _Media(tuple(kinds), frozenset(contents))


def _fits(donor: _Media | None, wanted: _Media) -> bool:
    return donor is not None and donor.kinds == wanted.kinds and not donor.contents & wanted.contents
