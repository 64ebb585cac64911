"""Makes the index of a shard by walking it, or loads the one that lies beside it."""

import json
import mmap
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from multigraft.core.data.files import written_whole
from multigraft.core.data.index import (
    Annotations,
    Members,
    Problem,
    ShardIndex,
    index_from_json,
    index_path,
    index_to_json,
)
from multigraft.core.data.media import BadSample
from multigraft.core.data.tar_reader import Member, RefusedShardError, TarWalk
from multigraft.core.errors import MultigraftError

RECORD_FIELD = "json"
LARGEST_RECORD = 16 << 20

_unsaved: dict[Path, ShardIndex] = {}
"""Indices of shards in folders that cannot, or must not, be written to."""
_saving = ContextVar("saving", default=True)


@contextmanager
def unsaved_indices() -> Iterator[None]:
    """Keep the indices that are made meanwhile in memory: for those who must write nothing."""
    token = _saving.set(False)
    try:
        yield
    finally:
        _saving.reset(token)


def load_index(shard: Path) -> ShardIndex:
    """The index of a local shard; made and stored if there is none or the shard has changed since.

    Raises:
        MultigraftError: there is no such shard.
        RefusedShardError: not a tar that can be used.
    """
    stamp = stamp_of(shard)
    unsaved = _unsaved.get(shard)
    if unsaved is not None and unsaved.stamp == stamp:
        return unsaved
    try:
        index = index_from_json(index_path(shard).read_text(encoding="utf-8"))
        if index.stamp == stamp:
            return index
    except (OSError, ValueError):
        pass
    return store_index(shard)


def store_index(shard: Path) -> ShardIndex:
    """Walk a shard and write its index beside it; in a folder that cannot be written to, the index stays in memory."""
    index = make_index(shard)
    if not _saving.get():
        _unsaved[shard] = index
        return index
    try:
        with written_whole(index_path(shard)) as temporary:
            temporary.write_text(index_to_json(index), encoding="utf-8")
    except OSError as error:
        _unsaved[shard] = index
        warnings.warn(f"the index of {shard} is kept in memory only: {error}", stacklevel=2)
    return index


def make_index(shard: Path) -> ShardIndex:
    """Walk a shard: places, checksums and annotations of its samples."""
    stamp = stamp_of(shard)
    if stamp[0] == 0:
        return _Builder().index(stamp, [Problem("", "cut tar", "the file is empty")])
    with (
        shard.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as data,
    ):
        walk = TarWalk(str(shard), data)
        builder = _Builder()
        for member in walk:
            builder.add(str(shard), member, data)
        return builder.index(stamp, builder.cut_off(walk) if walk.cut else [])


def parse_json(data: bytes) -> Any:
    """Decode a `KEY.json` of bounded size.

    Raises:
        BadSample: `bad annotation`.
    """
    if len(data) > LARGEST_RECORD:
        raise BadSample("bad annotation", f"KEY.json has {len(data)} bytes, more than {LARGEST_RECORD}")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadSample("bad annotation", f"KEY.json is not JSON: {error}") from None


def stamp_of(shard: Path) -> tuple[int, int]:
    """Bytes and modification time in nanoseconds.

    Raises:
        MultigraftError: there is no such shard.
    """
    try:
        status = shard.stat()
    except OSError as error:
        raise MultigraftError(f"cannot read the shard {shard}: {error.strerror}") from None
    return status.st_size, status.st_mtime_ns


@dataclass
class _Table:
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))


class _Builder:
    """Collects the columns of an index."""

    def __init__(self) -> None:
        self._keys, self._fields = _Table(), _Table()
        self._tasks, self._sources, self._types = _Table(), _Table(), _Table()
        self._first: list[int] = []
        self._members: list[tuple[int, int, int, int]] = []
        self._annotations: list[tuple[int, int, int, int, int]] = []
        self._problems: list[Problem] = []

    def add(self, shard: str, member: Member, data: memoryview) -> None:
        """Take the next file."""
        if member.key.startswith("__") and member.key.endswith("__"):
            return
        known = len(self._keys.numbers)
        sample = self._keys.number(member.key)
        if sample == known:
            self._first.append(len(self._members))
        elif sample != known - 1:
            raise RefusedShardError(
                f"{shard}: the files of sample {member.key!r} are not adjacent; pack the shard again"
            )
        field_number = self._fields.number(member.field)
        if any(row[0] == field_number for row in self._members[self._first[-1] :]):
            raise RefusedShardError(f"{shard}: {member.name!r} occurs twice")
        with data[member.offset : member.offset + member.size] as content:
            self._members.append((field_number, member.offset, member.size, zlib.crc32(content)))
            if member.field == RECORD_FIELD:
                self._read_record(member.key, sample, content[: LARGEST_RECORD + 1].tobytes())

    def _read_record(self, key: str, sample: int, content: bytes) -> None:
        try:
            record = parse_json(content)
            if not isinstance(record, dict) or not isinstance(record.get("annotations"), list):
                raise BadSample("bad annotation", "KEY.json has no list `annotations`")
        except BadSample as error:
            self._problems.append(Problem(key, error.reason, error.detail))
            return
        for position, annotation in enumerate(record["annotations"]):
            if not isinstance(annotation, dict) or not isinstance(annotation.get("task"), str):
                self._problems.append(Problem(key, "bad annotation", f"annotations.{position}: it names no `task`"))
                continue
            source = annotation.get("source") or record.get("source") or ""
            self._annotations.append((
                sample, position, self._tasks.number(annotation["task"]), self._sources.number(str(source)),
                self._types.number(str(annotation.get("type", ""))),
            ))  # fmt: skip

    def cut_off(self, walk: TarWalk) -> list[Problem]:
        """Forget the last sample if it may lack files; the problem that says so."""
        last = next(reversed(self._keys.numbers), "")
        cut = Member(walk.cut_name, 0, 0).key
        if last and cut in ("", last):
            cut, sample = last, self._keys.numbers.pop(last)
            del self._members[self._first.pop() :]
            self._annotations = [row for row in self._annotations if row[0] != sample]
            self._problems = [problem for problem in self._problems if problem.key != last]
        kept = len(self._keys.numbers)
        return [Problem(cut, "cut tar", f"{walk.cut}; {kept} samples before it are used")]

    def index(self, stamp: tuple[int, int], problems: list[Problem]) -> ShardIndex:
        """The finished index."""
        members = np.array(self._members, np.int64).reshape(-1, 4).T
        annotations = np.array(self._annotations, np.int64).reshape(-1, 5).T
        return ShardIndex(
            stamp=stamp,
            keys=list(self._keys.numbers),
            fields=list(self._fields.numbers),
            tasks=list(self._tasks.numbers),
            sources=list(self._sources.numbers),
            types=list(self._types.numbers),
            members=Members(np.array([*self._first, members.shape[1]], np.int64), *members),
            annotations=Annotations(*annotations),
            problems=[*self._problems, *problems],
        )
