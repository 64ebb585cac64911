"""Reads fields of an indexed shard."""

import zlib
from functools import cached_property, lru_cache
from pathlib import Path

from multigraft.core.data.index import index_path
from multigraft.core.data.indexing import load_index, renew_index, stamp_of
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.record_cache import RecordCache
from multigraft.core.data.records import LARGEST_RECORD, RECORD_FIELD
from multigraft.core.errors import BadSample, MultigraftError, legible
from multigraft.core.types.annotation import Annotation

_OPEN_FILES = 64
_OPEN_SHARDS = 256
_RECORDS = RecordCache(room=32 << 20)


class Shard:
    """A local shard and its index."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = load_index(path)

    @property
    def name(self) -> str:
        """Its path, as in `skipped.jsonl`."""
        return str(self.path)

    def read(self, sample: int, field: str, largest: int = LARGEST_RECORD) -> bytes:
        """The bytes of a field.

        Raises:
            BadSample: `missing field`, `too large` or `wrong crc`.
            MultigraftError: the index is another shard's.
        """
        member = self._member(sample, field)
        members = self.index.members
        if members.size[member] > largest:
            raise BadSample("too large", f"{field} has {members.size[member]} bytes, more than {largest}")
        try:
            data = _open(self.path, self.index.stamp).read(int(members.offset[member]), int(members.size[member]))
        except OSError as error:
            raise MultigraftError(f"cannot read the shard {self.path}: {error.strerror}") from None
        if zlib.crc32(data) != members.crc[member]:
            raise self._differs(field)
        return data

    def annotation(self, row: int) -> Annotation:
        """The annotation in a row of the index.

        Raises:
            BadSample: `bad annotation`, `wrong crc`.
            MultigraftError: the index is another shard's.
        """
        columns = self.index.annotations
        sample = int(columns.sample[row])
        record = _RECORDS.get((self.path, self.index.stamp, sample), lambda: self.read(sample, RECORD_FIELD))
        return record.annotation(int(columns.position[row]))

    def key(self, row: int) -> str:
        """The key of the sample that an annotation belongs to."""
        return self.index.keys[int(self.index.annotations.sample[row])]

    def _member(self, sample: int, field: str) -> int:
        member = self.index.member(sample, field)
        if member is None:
            have = ", ".join(self.index.fields_of(sample))
            raise BadSample("missing field", legible(f"no {field}; the sample has {have}"))
        return member

    def _differs(self, field: str) -> BadSample:
        """What to say of a field whose checksum is wrong.

        Raises:
            MultigraftError: the index is another shard's, of the same size and time; it was made anew.
        """
        if stamp_of(self.path) != self.index.stamp:
            return BadSample(
                "wrong crc", f"{field} differs from the index, which is stale: the shard was changed since"
            )
        if self._replaced:
            raise MultigraftError(
                f"the index of the shard {self.path} was stale: the shard was replaced by another one of the same size "
                "and time; the index is made anew now, so start again"
            )
        advice = f"fetch it again, or remove {index_path(self.path).name} if the file is right"
        return BadSample("wrong crc", f"{field} differs from the shard's index; the shard is damaged: {advice}")

    @cached_property
    def _replaced(self) -> bool:
        return renew_index(self.path, self.index) is not None


@lru_cache(maxsize=_OPEN_FILES)
def _open(path: Path, stamp: tuple[int, int]) -> OpenFile:
    return OpenFile(path)


def open_shard(path: Path) -> Shard:
    """The shard at a path as it is now; the most recently used ones and their indices stay in memory."""
    return _shard(path, stamp_of(path))


@lru_cache(maxsize=_OPEN_SHARDS)
def _shard(path: Path, stamp: tuple[int, int]) -> Shard:
    return Shard(path)
