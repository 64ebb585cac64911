"""Collects the columns of an index, file by file, in linear time and bounded memory a record."""

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np

from multigraft.core.data.index import ANNOTATION, FILE, Group, Head, Problem, is_of_features
from multigraft.core.data.index_file import index_bytes, tables_of
from multigraft.core.data.index_problems import Problems, unfit
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.record_check import CheckedRecord, check_record
from multigraft.core.data.records import LARGEST_RECORD, RECORD_FIELD
from multigraft.core.data.tar_reader import Member, RefusedShardError, TarWalk
from multigraft.core.errors import BadSample


@dataclass
class _Table:
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))


@dataclass
class _Sample:
    """The sample whose files are being read."""

    key: str
    files: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Offset, size and crc32 of each field."""
    record: bytes | None = None


class IndexBuilder:
    """Takes the files of a shard in their order."""

    def __init__(self, shard: str, data: OpenFile) -> None:
        self._shard, self._data = shard, data
        self._keys, self._fields = _Table(), _Table()
        self._tasks, self._sources, self._types = _Table(), _Table(), _Table()
        self._first, self._members, self._annotations = array("q"), array("q"), array("q")
        self._problems, self._of_features = Problems(), Problems()
        self._sample: _Sample | None = None
        self._plain = False

    def add(self, member: Member) -> None:
        """Take the next file.

        Raises:
            RefusedShardError: samples cannot be told apart.
        """
        why = unfit(member.name)
        if why:
            self._problems.left_out(member.name, why)
            return
        sample = self._sample
        if sample is None or sample.key != member.key:
            sample = self._begin(member)
        if member.field in sample.files:
            raise RefusedShardError(
                f"{self._shard}: {member.name!r} occurs twice (case makes no difference); pack the shard again"
            )
        crc = self._data.crc(member.offset, member.size)
        sample.files[member.field] = (member.offset, member.size, crc)
        if member.field == RECORD_FIELD:
            sample.record = self._data.read(member.offset, min(member.size, LARGEST_RECORD + 1))

    def index(self, walk: TarWalk) -> bytes:
        """The finished index, as it is stored.

        Raises:
            RefusedShardError: it has more names of tasks, sources and types than an index holds.
        """
        last: list[Problem] = []
        if walk.cut:
            last = [self._cut(walk)]
        self._finish()
        if walk.behind:
            last.append(Problem("", "data behind the end", walk.behind))
        if not self._keys.numbers and not walk.cut:
            last.append(Problem("", "no samples", "the tar holds no file `KEY.EXTENSION`"))
        if self._plain:
            self._problems.extend(self._of_features)
        first = np.array([*self._first, len(self._members) // 4], np.int64)
        files = _table(self._members, FILE)
        annotations = _table(self._annotations, ANNOTATION)
        order = np.lexsort((annotations["source"], annotations["task"]))
        problems = [*self._problems.listed(), *last]
        head = Head(
            stamp=self._data.stamp,
            identity=self._data.identity,
            content=_content(list(self._keys.numbers), list(self._fields.numbers), first, files),
            samples=len(self._keys.numbers),
            fields=tuple(self._fields.numbers),
            tasks=tuple(self._tasks.numbers),
            sources=tuple(self._sources.numbers),
            types=tuple(self._types.numbers),
            groups=_groups(annotations[order]),
            problems=len(problems),
            holds_features=bool(self._keys.numbers) and is_of_features(self._fields.numbers),
        )
        try:
            return index_bytes(head, tables_of(list(self._keys.numbers), first, files, annotations, order, problems))
        except ValueError as error:
            raise RefusedShardError(f"{self._shard}: {error}; pack it again with fewer") from None

    def _begin(self, member: Member) -> _Sample:
        self._finish()
        if member.key in self._keys.numbers:
            dotted = f" ({member.name!r} belongs to it: a key ends at the first dot)" if "." in member.field else ""
            raise RefusedShardError(
                f"{self._shard}: the files of sample {member.key!r} are not adjacent{dotted}; pack the shard again"
            )
        self._sample = _Sample(member.key)
        return self._sample

    def _cut(self, walk: TarWalk) -> Problem:
        """Forget the last sample if it may lack files; the problem that says so."""
        cut = "" if unfit(walk.cut_name) else Member(walk.cut_name, 0, 0).key
        if self._sample and cut in ("", self._sample.key):
            cut, self._sample = self._sample.key, None
        kept = len(self._keys.numbers) + (self._sample is not None)
        return Problem(cut, "cut tar", f"{walk.cut}; {kept} samples before it are used")

    def _finish(self) -> None:
        sample, self._sample = self._sample, None
        if sample is None:
            return
        number = self._keys.number(sample.key)
        self._first.append(len(self._members) // 4)
        for name, (offset, size, crc) in sample.files.items():
            self._members.extend((self._fields.number(name), crc, offset, size))
        if sample.record is None and is_of_features(sample.files):
            self._of_features.without_record(sample.key, sample.files)
            return
        self._plain = True
        if sample.record is None:
            self._problems.without_record(sample.key, sample.files)
            return
        try:
            record = check_record(sample.record, sample.files[RECORD_FIELD][0])
        except BadSample as error:
            self._problems.add(Problem(sample.key, error.reason, error.detail))
            return
        self._take(number, record)
        self._problems.of_record(sample.key, sample.files, record)

    def _take(self, sample: int, record: CheckedRecord) -> None:
        for row in record.rows:
            self._annotations.extend((
                sample, row.position, self._tasks.number(row.task), self._sources.number(row.source),
                self._types.number(row.type), row.size, row.crc, row.length, row.start,
            ))  # fmt: skip


def _table(numbers: "array[int]", kind: np.dtype[np.void]) -> np.ndarray[Any, Any]:
    """Rows of numbers as a table."""
    names = kind.names or ()
    table = np.zeros(len(numbers) // len(names), kind)
    for name, column in zip(names, np.array(numbers, np.int64).reshape(-1, len(names)).T, strict=True):
        table[name] = column
    return table


def _groups(annotations: np.ndarray[Any, Any]) -> tuple[Group, ...]:
    """How many annotations follow each other with one task and source."""
    pairs = np.stack([annotations["task"], annotations["source"]]).astype(np.int64)
    starts = np.flatnonzero(np.r_[True, (np.diff(pairs) != 0).any(axis=0)][: pairs.shape[1]])
    counts = np.diff([*starts, pairs.shape[1]])
    return tuple(
        Group(int(pairs[0, start]), int(pairs[1, start]), int(count))
        for start, count in zip(starts, counts, strict=True)
    )


def _content(
    keys: Sequence[str], fields: Sequence[str], first: np.ndarray[Any, Any], files: np.ndarray[Any, Any]
) -> str:
    """Short hash of keys, fields, sizes and checksums."""
    digest = blake2b(digest_size=8)
    digest.update(json.dumps([list(keys), list(fields)]).encode())
    for column in (first, files["field"], files["size"], files["crc"]):
        digest.update(np.ascontiguousarray(column, "<i8").tobytes())
    return digest.hexdigest()
