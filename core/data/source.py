"""Where the annotations of one task in one split lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multigraft.core.config.sections import TaskOptions
from multigraft.core.data.index import ShardIndex
from multigraft.core.data.order import Place
from multigraft.core.data.paths import expand
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.task import Task


@dataclass(frozen=True)
class TaskSource:
    """The annotations of a task: which rows of which shards."""

    name: str
    task: Task
    options: TaskOptions
    split: str
    shards: Sequence[Path]
    rows: Sequence[NDArray[np.int32]]
    """For each shard, the rows of its index that belong to the task."""
    contents: Sequence[str]
    """For each shard, the hash of its content when the rows were chosen."""

    @property
    def counts(self) -> list[int]:
        """Annotations in each shard."""
        return [len(rows) for rows in self.rows]

    @property
    def size(self) -> int:
        """Annotations in all shards."""
        return sum(self.counts)

    def locate(self, place: Place) -> tuple[Shard, int]:
        """The shard of an annotation, and its row there.

        Raises:
            MultigraftError: the shard is gone, or holds something else by now.
        """
        shard = open_shard(self.shards[place.shard])
        if shard.index.content != self.contents[place.shard]:
            raise MultigraftError(f"the shard {shard.path} was changed while it was being read")
        return shard, int(self.rows[place.shard][place.row])


def open_source(name: str, task: Task, options: TaskOptions, split: str, root: Path, log: SkippedLog) -> TaskSource:
    """Find a task's annotations; what the shards' indices could not use goes into the log.

    Raises:
        MultigraftError: no such split, missing shards, or no annotation for the task in them.
    """
    shards = _shards(name, options, split, root)
    kind = options.kind.rpartition("/")[2]
    wanted = [options.annotations] if options.annotations else [name, kind]
    found: dict[str, list[NDArray[np.int32]]] = {each: [] for each in wanted}
    held: set[str] = set()
    contents = []
    for path in shards:
        index = open_shard(path).index
        contents.append(index.content)
        for problem in index.problems:
            log.note(Skipped(str(path), problem.key, "", problem.reason, problem.detail))
        held.update(_name_of(index, number) for number in np.unique(index.annotations.task))
        for each in wanted:
            found[each].append(_rows(index, each, options.sources))
    for rows in found.values():
        if any(map(len, rows)):
            return TaskSource(name, task, options, split, shards, rows, contents)
    asked = " or ".join(repr(each) for each in wanted)
    sources = f" of the sources {', '.join(options.sources)}" if options.sources else ""
    raise MultigraftError(
        f"task {name!r}, split {split!r}: no annotation in its {len(shards)} shards is for the task {asked}{sources}; "
        f"they hold annotations for {', '.join(sorted(held)) or 'no task at all'}; "
        f"`tasks.{name}.annotations` says which to take"
    )


def _shards(name: str, options: TaskOptions, split: str, root: Path) -> list[Path]:
    if split not in options.data:
        raise MultigraftError(f"task {name!r} has no split {split!r}; its `data` has {', '.join(options.data)}")
    try:
        shards = [path for pattern in options.data[split] for path in expand(pattern, root)]
    except ValueError as error:
        raise MultigraftError(f"task {name!r}, split {split!r}: {error}") from None
    missing = [path for path in shards if not path.is_file()]
    if missing or not shards:
        named = ", ".join(map(str, missing[:3])) or ", ".join(options.data[split])
        raise MultigraftError(
            f"task {name!r}, split {split!r}: {len(missing)} of {len(shards)} shards are missing: {named}; "
            "paths start at `data.root`"
        )
    return shards


def _name_of(index: ShardIndex, number: int) -> str:
    task = index.tasks[number]
    sources = {index.sources[each] for each in index.annotations.source[index.annotations.task == number]}
    return f"{task} ({', '.join(sorted(sources))})" if sources - {""} else task


def _rows(index: ShardIndex, task: str, sources: Sequence[str] | None) -> NDArray[np.int32]:
    if task not in index.tasks:
        return np.zeros(0, np.int32)
    chosen = index.annotations.task == index.tasks.index(task)
    if sources is not None:
        numbers = [number for number, source in enumerate(index.sources) if source in sources]
        chosen &= np.isin(index.annotations.source, numbers)
    return np.flatnonzero(chosen).astype(np.int32)
