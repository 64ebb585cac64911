"""Which media of which shards are to be encoded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft.core.data.encoded_list import Selection
from multigraft.core.data.feature_shard import Key, key_of, medium_name
from multigraft.core.data.reader import span_of
from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample
from multigraft.core.types.media import Span, ending_of

if TYPE_CHECKING:
    from multigraft.core.data.source import TaskSource
    from multigraft.core.interfaces.input import Input


@dataclass(frozen=True)
class Wanted:
    """A medium to encode."""

    sample: int
    field: str
    span: Span | None

    @property
    def name(self) -> str:
        """As in the feature shard."""
        return medium_name(self.field, self.span)

    @property
    def key(self) -> Key:
        """Where it is in the feature shard."""
        return key_of(self.sample, self.name)


@dataclass(frozen=True)
class ShardWork:
    """A shard, and all of its media that are wanted; some may be encoded already."""

    shard: Path
    wanted: tuple[Wanted, ...]
    content: str
    """The hash of its content, as its index has it: whoever opens it must find the same."""
    address: str = ""
    """Where it lies, if not here; `shard` is then the place of a copy."""


@dataclass(frozen=True)
class ShardSelection:
    """Media of a shard, by the annotations that name them."""

    shard: Shard
    groups: frozenset[tuple[int, int]]
    """Where these annotations stand in the order of the shard's index: first and count of each group."""
    endings: frozenset[str]

    @property
    def named(self) -> Selection:
        """The same in words that hold for every shard."""
        head, first, names = self.shard.index.head, 0, set()
        for group in head.groups:
            if (first, group.count) in self.groups:
                names.add((head.tasks[group.task], head.sources[group.source]))
            first += group.count
        return Selection(frozenset(names), self.endings)

    def media(self) -> list[Wanted]:
        """The media, each once, in the shard's order; annotations that are bad name none."""
        found: dict[Wanted, None] = {}
        for row in self.shard.index.rows(sorted(self.groups)).tolist():
            try:
                annotation = self.shard.annotation(row)
            except BadSample:
                continue
            sample, span = self.shard.sample(row), span_of(annotation)
            fields = [each for each in annotation.media if ending_of(each) in self.endings]
            found.update(dict.fromkeys(Wanted(sample, each, span) for each in fields))
        return sorted(found, key=lambda each: (each.sample, each.name))


def shard_selections(sources: Iterable["TaskSource"], inputs: Sequence["Input"]) -> list[ShardSelection]:
    """What of each shard the tasks ask about and the inputs read, each shard once."""
    endings = frozenset(extension for each in inputs for extension in each.extensions)
    shards: dict[Path, Shard] = {}
    groups: dict[Path, set[tuple[int, int]]] = {}
    for source in (source for source in sources if source.task.reads_media):
        for shard, own in zip(source.opened, source.groups, strict=True):
            shards[shard.path] = shard
            groups.setdefault(shard.path, set()).update(own)
    return [ShardSelection(shard, frozenset(groups[path]), endings) for path, shard in shards.items()]
