"""Holds shards against their manifests, their indices, the inputs that decode them and the tasks that read them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.index import ShardIndex
from multigraft.core.data.indexing import make_index, stored_index
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.reader import span_of
from multigraft.core.data.records import RECORD_FIELD
from multigraft.core.data.seeding import seeded
from multigraft.core.data.shard import Shard
from multigraft.core.data.upkeep.findings import Findings
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.task import Task
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import Span


@dataclass(frozen=True)
class TaskNeeds:
    """A task that reads annotations of some shards."""

    name: str
    task: Task
    takes: Sequence[str]
    """What annotations call it."""
    sources: Sequence[str] | None
    """Sources that it takes; all if None."""

    def takes_of(self, annotation: Annotation) -> bool:
        """Whether an annotation is for the task."""
        return annotation.task in self.takes and (self.sources is None or annotation.source in self.sources)


@dataclass
class Looked:
    """How much was looked at."""

    shards: int = 0
    bytes: int = 0
    samples: int = 0
    annotations: int = 0
    indices: int = 0
    """Shards that were held against the index beside them."""
    without_index: int = 0
    decoded: int = 0
    """Media that could be decoded."""
    asked: dict[str, int] = field(default_factory=dict)
    """Annotations that each task can use."""
    of_no_task: int = 0
    """Annotations that no task of the recipe takes."""


class Verifier:
    """Looks at shards one by one; writes nothing.

    Args:
        decoder: decodes every medium; none is decoded without one.
        tasks: every annotation that one of them takes is asked.
        threads: that decode pictures.
    """

    def __init__(self, decoder: MediaDecoder | None, tasks: Sequence[TaskNeeds], threads: int) -> None:
        self._decoder, self._tasks, self._threads = decoder, tasks, threads
        self.looked, self.findings = Looked(), Findings()

    def verify(self, path: Path) -> None:
        """Look at one shard: every byte of every file in it, and what else is asked for."""
        self.looked.shards += 1
        try:
            index = make_index(path)
        except MultigraftError as error:
            self.findings.add("no shard", path, detail=str(error))
            return
        self.looked.bytes += index.stamp[0]
        self.looked.samples += index.head.samples
        self.looked.annotations += sum(group.count for group in index.head.groups)
        for problem in index.problems:
            self.findings.add_problem(path, problem)
        self._hold_against_stored(path, index)
        shard = Shard(path, index)
        if self._tasks:
            self._ask(shard)
        if self._decoder and not index.head.holds_features:
            self._decode(shard, self._decoder)

    def _hold_against_stored(self, path: Path, found: ShardIndex) -> None:
        try:
            stored = stored_index(path)
        except FileNotFoundError:
            self.looked.without_index += 1
            return
        except (OSError, ValueError) as error:
            self.findings.add("damaged index", path, detail=str(error))
            return
        self.looked.indices += 1
        if stored.content == found.content:
            return
        if not _same_places(stored, found):
            detail = "its index names other files, sizes or places; `multigraft data index` makes it anew"
            self.findings.add("index of another shard", path, detail=detail)
            return
        for number in np.flatnonzero(stored.members.crc != found.members.crc).tolist():
            sample = int(np.searchsorted(found.members.first, number, "right")) - 1
            name = found.head.fields[int(found.members.field[number])]
            self.findings.add("wrong crc", path, found.key(sample), detail=f"{name} differs from the shard's index")

    def _ask(self, shard: Shard) -> None:
        """Whether tasks can use the annotations that they take, in training and in evaluation."""
        for row in range(len(shard.index.annotations.sample)):
            try:
                annotation = shard.annotation(row)
            except BadSample:
                continue  # a problem of the index
            wanting = [each for each in self._tasks if each.takes_of(annotation)]
            self.looked.of_no_task += not wanting
            for needs in wanting:
                self._ask_one(shard, row, annotation, needs)

    def _ask_one(self, shard: Shard, row: int, annotation: Annotation, needs: TaskNeeds) -> None:
        try:
            needs.task.example(annotation, random.Random(seeded("target", 0, 0, annotation.id)))
            needs.task.example(annotation, None)
            self.looked.asked[needs.name] = self.looked.asked.get(needs.name, 0) + 1
        except BadSample as error:
            key = shard.index.key(shard.sample(row))
            self.findings.add(error.reason, shard.name, key, annotation.id, f"task {needs.name}: {error.detail}")

    def _decode(self, shard: Shard, decoder: MediaDecoder) -> None:
        def decode(medium: tuple[int, str, Span | None]) -> BadSample | None:
            try:
                decoder.read(shard, *medium)
            except BadSample as error:
                return error
            return None

        media = list(_media(shard))
        results = in_order(decode, media, self._threads, 4 * self._threads)
        for (sample, name, _), error in zip(media, results, strict=True):
            if error is None:
                self.looked.decoded += 1
            else:
                detail = error.detail if name in error.detail else f"{name}: {error.detail}"
                self.findings.add(error.reason, shard.name, shard.index.key(sample), detail=detail)


def _same_places(one: ShardIndex, other: ShardIndex) -> bool:
    """Whether two indices name the same files in the same places."""
    if one.keys != other.keys or one.head.fields != other.head.fields:
        return False
    columns = ("first", "field", "offset", "size")
    return all(np.array_equal(getattr(one.members, each), getattr(other.members, each)) for each in columns)


def _media(shard: Shard) -> Iterator[tuple[int, str, Span | None]]:
    """Sample, field and stretch of every medium: as annotations name it, and whole where none does."""
    rows = np.argsort(shard.index.annotations.sample, kind="stable")
    firsts = np.searchsorted(shard.index.annotations.sample[rows], np.arange(shard.index.head.samples + 1))
    for sample in range(shard.index.head.samples):
        there = [each for each in shard.index.fields_of(sample) if each != RECORD_FIELD]
        named = dict.fromkeys(_named(shard, rows[firsts[sample] : firsts[sample + 1]].tolist(), set(there)))
        whole = set(there) - {name for name, _ in named}
        yield from ((sample, name, span) for name, span in named)
        yield from ((sample, name, None) for name in there if name in whole)


def _named(shard: Shard, rows: Iterable[int], there: set[str]) -> Iterator[tuple[str, Span | None]]:
    for row in rows:
        try:
            annotation = shard.annotation(row)
        except BadSample:
            continue
        yield from ((each.lower(), span_of(annotation)) for each in annotation.media if each.lower() in there)
