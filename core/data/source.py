"""Where the annotations of one task in one split lie."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.index import Problem, ShardIndex
from multigraft.core.data.manifest import MANIFEST, missing_files_of
from multigraft.core.data.order import Place
from multigraft.core.data.paths import expand
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.skipped import Skipped, SkippedLog
from multigraft.core.errors import MultigraftError, legible
from multigraft.core.interfaces.task import Task
from multigraft.core.options.options import TaskOptions

_SHOWN = 12


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
    problems: Sequence[Skipped] = ()
    """What the shards' indices could not use."""
    takes: Sequence[str] = ()
    """What annotations call the task: its name or its kind, or what the recipe says."""
    held: Sequence[Mapping[str, int]] = ()
    """For each shard, its annotations by the task that they name."""

    @property
    def counts(self) -> list[int]:
        """Annotations in each shard."""
        return [len(rows) for rows in self.rows]

    @property
    def size(self) -> int:
        """Annotations in all shards."""
        return sum(self.counts)

    def places(self) -> Iterator[Place]:
        """Every annotation, in the order of the shards as given."""
        for shard, count in enumerate(self.counts):
            yield from (Place(0, shard, row) for row in range(count))

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

    An annotation is a task's if it names the task or its kind, unless the recipe says which to take.

    Raises:
        MultigraftError: no such split, missing shards, or no annotation for the task in them.
    """
    shards = _shards(name, options, split, root)
    kind = options.kind.rpartition("/")[2]
    wanted = [options.annotations] if options.annotations else list(dict.fromkeys([name, kind]))
    rows, contents, problems, held = [], [], [], []
    for path in shards:
        index = open_shard(path).index
        rows.append(_rows(index, wanted, options.sources))
        contents.append(index.content)
        held.append(_counts(index))
        problems += [_skipped(path, problem) for problem in index.problems]
    problems += _incomplete_folders(shards)
    for each in problems:
        log.note(each)
    if not any(map(len, rows)):
        raise _nothing_for(name, split, wanted, options, shards)
    return TaskSource(name, task, options, split, shards, rows, contents, problems, wanted, held)


def _incomplete_folders(shards: Sequence[Path]) -> Iterator[Skipped]:
    """Folders that lack shards which their manifest names: `*` does not find what is not there."""
    for folder in dict.fromkeys(path.parent for path in shards):
        if lacking := missing_files_of(folder):
            yield Skipped(str(folder / MANIFEST), "", "", "incomplete folder", f"the folder {lacking}")


def _skipped(path: Path, problem: Problem) -> Skipped:
    return Skipped(str(path), problem.key, problem.annotation, problem.reason, problem.detail, problem.count)


def _nothing_for(
    name: str, split: str, wanted: Sequence[str], options: TaskOptions, shards: Sequence[Path]
) -> MultigraftError:
    asked = " or ".join(repr(each) for each in wanted)
    sources = f" of the sources {', '.join(options.sources)}" if options.sources else ""
    held: dict[str, None] = {}
    features = 0
    for path in shards:
        index = open_shard(path).index
        held.update(dict.fromkeys(islice(_held(index), _SHOWN + 1)))
        features += index.holds_features
    more = ", ..." if len(held) > _SHOWN else ""
    hint = f"; {features} of them hold stored features, which are no data of a task" if features else ""
    return MultigraftError(
        f"task {name!r}, split {split!r}: no annotation in its {len(shards)} shards is for the task {asked}{sources}; "
        f"they hold annotations for {legible(', '.join(sorted(held)[:_SHOWN])) or 'no task at all'}{more}{hint}; "
        f"`tasks.{name}.annotations` says which to take; `multigraft data inspect` shows what is in a shard"
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


def _held(index: ShardIndex) -> Iterator[str]:
    """The tasks that annotations name, with their sources."""
    columns = index.annotations
    pairs = np.unique(np.stack([columns.task, columns.source]), axis=1).T.tolist()
    for task, group in groupby(pairs, key=lambda pair: int(pair[0])):
        sources = sorted({index.sources[source] for _, source in group} - {""})
        more = ", ..." if len(sources) > _SHOWN else ""
        told = f" ({', '.join(sources[:_SHOWN])}{more})" if sources else ""
        yield f"{index.tasks[task]}{told}"


def _counts(index: ShardIndex) -> dict[str, int]:
    """Annotations by the task that they name."""
    counts = np.bincount(index.annotations.task, minlength=len(index.tasks)).tolist()
    return dict(zip(index.tasks, counts, strict=True))


def _rows(index: ShardIndex, tasks: Sequence[str], sources: Sequence[str] | None) -> NDArray[np.int32]:
    chosen = np.isin(index.annotations.task, [number for number, task in enumerate(index.tasks) if task in tasks])
    if sources is not None:
        numbers = [number for number, source in enumerate(index.sources) if source in sources]
        chosen &= np.isin(index.annotations.source, numbers)
    return np.flatnonzero(chosen).astype(np.int32)
