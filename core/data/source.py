"""Where the annotations of one task in one split lie."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.index import Problem, ShardIndex
from multigraft.core.data.manifest import MANIFEST
from multigraft.core.data.order import Place
from multigraft.core.data.shard import Shard
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.errors import MultigraftError, below, legible
from multigraft.core.interfaces.task import Task
from multigraft.core.options.options import TaskOptions
from multigraft.core.options.source_options import SourceOptions

if TYPE_CHECKING:
    from multigraft.core.data.open_shards import OpenShards, ShardPlace, SourceShards

Groups = Sequence[tuple[int, int]]
_SHOWN = 12


@dataclass(frozen=True)
class TaskSource:
    """The annotations of a task: which of which shards."""

    name: str
    task: Task
    options: TaskOptions
    split: str
    opened: Sequence[Shard]
    groups: Sequence[Groups]
    """For each shard, where the task's annotations stand in its order by task and source."""
    problems: Sequence[Skipped] = ()
    """What the shards' indices could not use."""
    takes: Sequence[str] = ()
    """What annotations call the task: its name or its kind, or what the recipe says."""
    dropped: Sequence[Skipped] = ()
    """What in the recipe's sources cannot be used."""

    @cached_property
    def counts(self) -> list[int]:
        """Annotations in each shard."""
        return [sum(count for _, count in groups) for groups in self.groups]

    @property
    def size(self) -> int:
        """Annotations in all shards."""
        return sum(self.counts)

    @property
    def shards(self) -> list[Path]:
        """Where the shards lie."""
        return [shard.path for shard in self.opened]

    @property
    def contents(self) -> list[str]:
        """For each shard, the hash of its content."""
        return [shard.index.content for shard in self.opened]

    def rows(self, shard: int) -> NDArray[np.int32]:
        """The rows of a shard's index that belong to the task."""
        return self.opened[shard].index.rows(self.groups[shard])

    def places(self) -> Iterator[Place]:
        """Every annotation, in the order of the shards as given."""
        for shard, count in enumerate(self.counts):
            yield from (Place(0, shard, row) for row in range(count))

    def length(self, place: Place) -> int:
        """Characters of an annotation that a model reads or writes."""
        shard, row = self.locate(place)
        return shard.index.annotation(row).length

    def locate(self, place: Place) -> tuple[Shard, int]:
        """The shard of an annotation, and its row there."""
        shard = self.opened[place.shard]
        return shard, shard.index.row(self.groups[place.shard], place.row)


def open_source(
    name: str,
    task: Task,
    options: TaskOptions,
    split: str,
    root: Path,
    log: SkippedLog,
    shards: "OpenShards | None" = None,
) -> TaskSource:
    """Find a task's annotations; what the shards' indices could not use goes into the log.

    An annotation is a task's if it names the task or its kind, unless the recipe says which to take.

    Args:
        shards: those that other tasks have opened.

    Raises:
        MultigraftError: no such split, missing shards, or no annotation for the task in them.
        OptionError: a source that cannot be used, with its place below the split.
    """
    known = shards or _own_shards()
    opened, dropped = _opened(name, options, split, root, known)
    wanted = names_taken(name, options)
    groups = [shard.index.groups(wanted, options.sources) for shard in opened]
    problems = [_skipped(shard.name, problem) for shard in opened for problem in shard.index.problems]
    problems += _incomplete_folders(opened, known)
    for each in (*problems, *dropped):
        log.note(each)
    if not any(groups):
        raise _nothing_for(name, split, wanted, options, opened)
    return TaskSource(name, task, options, split, opened, groups, problems, wanted, dropped)


def source_shards(entry: SourceOptions, options: TaskOptions, known: "OpenShards") -> "SourceShards":
    """The shards of a source among a task's data; its annotations are for that task where it does not say which.

    Raises:
        MultigraftError: it cannot be used.
    """
    task = entry.task or options.annotations or _kind(options)
    return known.of_source(entry if entry.task else entry.model_copy(update={"task": task}))


def _kind(options: TaskOptions) -> str:
    return options.kind.rpartition("/")[2]


def _own_shards() -> "OpenShards":
    from multigraft.core.data.open_shards import OpenShards

    return OpenShards()


def names_taken(name: str, options: TaskOptions) -> list[str]:
    """What annotations call a task: its name or its kind, or what the recipe says."""
    kind = options.kind.rpartition("/")[2]
    return [options.annotations] if options.annotations else list(dict.fromkeys([name, kind]))


def held(index: ShardIndex) -> dict[str, int]:
    """Annotations of a shard by the task that they name."""
    counts: Counter[str] = Counter()
    for group in index.head.groups:
        counts[index.head.tasks[group.task]] += group.count
    return counts


def _incomplete_folders(shards: Sequence[Shard], known: "OpenShards") -> Iterator[Skipped]:
    """Folders that lack shards which their manifest names: `*` does not find what is not there."""
    for folder in dict.fromkeys(shard.folder for shard in shards):
        if lacking := known.lacking(folder):
            yield Skipped(str(folder / MANIFEST), "", "", "incomplete folder", f"the folder {lacking}")


def _skipped(shard: str, problem: Problem) -> Skipped:
    return Skipped(shard, problem.key, problem.annotation, problem.reason, problem.detail, problem.count)


def _nothing_for(
    name: str, split: str, wanted: Sequence[str], options: TaskOptions, shards: Sequence[Shard]
) -> MultigraftError:
    asked = " or ".join(repr(each) for each in wanted)
    sources = f" of the sources {', '.join(options.sources)}" if options.sources else ""
    held: dict[str, None] = {}
    for shard in shards:
        held.update(dict.fromkeys(islice(_held(shard.index), _SHOWN + 1)))
    features = sum(shard.index.head.holds_features for shard in shards)
    more = ", ..." if len(held) > _SHOWN else ""
    hint = f"; {features} of them hold stored features, which are no data of a task" if features else ""
    first = next(((shard, problem) for shard in shards for problem in shard.index.problems), None)
    if first and not held:
        hint += f"; the first problem: {first[0].name}#{first[1].key} {first[1].reason}: {first[1].detail}"
    return MultigraftError(
        f"task {name!r}, split {split!r}: no annotation in its {len(shards)} shards is for the task {asked}{sources}; "
        f"they hold annotations for {legible(', '.join(sorted(held)[:_SHOWN])) or 'no task at all'}{more}{hint}; "
        f"`tasks.{name}.annotations` says which to take; `multigraft data inspect` shows what is in a shard"
    )


def _opened(
    name: str, options: TaskOptions, split: str, root: Path, known: "OpenShards"
) -> tuple[list[Shard], list[Skipped]]:
    """The shards of a split, and what its sources dropped."""
    if split not in options.data:
        raise MultigraftError(f"task {name!r} has no split {split!r}; its `data` has {', '.join(options.data)}")
    if not options.data[split]:
        raise MultigraftError(f"task {name!r}, split {split!r}: the list is empty; name shards, or a source")
    paths: list[ShardPlace] = []
    shards: list[Shard | None] = []
    dropped: list[Skipped] = []
    for place, entry in enumerate(options.data[split]):
        if isinstance(entry, SourceOptions):
            with below(place):
                made = source_shards(entry, options, known)
            paths += [shard.path for shard in made.shards]
            shards += made.shards
            dropped += made.dropped
        else:
            found = _named(name, split, entry, known, root)
            paths += found
            shards += known.shards(found)
    there = [shard for shard in shards if shard is not None]
    if len(there) < len(paths) or not paths:
        missing = [path for path, shard in zip(paths, shards, strict=True) if shard is None]
        named = ", ".join(map(str, missing[:3] or options.data[split]))
        raise MultigraftError(
            f"task {name!r}, split {split!r}: {len(missing)} of {len(paths)} shards are missing: {named}; "
            "paths start at `data.root`"
        )
    return there, dropped


def _named(name: str, split: str, pattern: str, known: "OpenShards", root: Path) -> "Sequence[ShardPlace]":
    try:
        return known.named(pattern, root)
    except ValueError as error:
        raise MultigraftError(f"task {name!r}, split {split!r}: {error}") from None


def _held(index: ShardIndex) -> Iterator[str]:
    """The tasks that annotations name, with their sources."""
    for task, groups in groupby(index.head.groups, key=lambda group: group.task):
        sources = sorted({index.head.sources[group.source] for group in groups} - {""})
        more = ", ..." if len(sources) > _SHOWN else ""
        told = f" ({', '.join(sources[:_SHOWN])}{more})" if sources else ""
        yield f"{index.head.tasks[task]}{told}"
