"""Makes the index of a shard by walking it, or loads the one that lies beside it if that can be trusted."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from stat import S_ISREG

import numpy as np

from multigraft.core.atomic import written_whole
from multigraft.core.data.index import Head, ShardIndex, index_path
from multigraft.core.data.index_file import head_of, table_fault, with_identity
from multigraft.core.data.index_tables import IndexFile, StoredTables
from multigraft.core.data.open_file import OpenFile
from multigraft.core.errors import MultigraftError

_unsaved: dict[Path, ShardIndex] = {}
"""Indices of shards in folders that cannot, or must not, be written to."""
_saving = ContextVar("saving", default=True)
_LOOKED_AT = 8
_LARGEST_LOOKED_AT = 1 << 20


@contextmanager
def unsaved_indices() -> Iterator[None]:
    """Keep the indices that are made meanwhile in memory: for those who must write nothing."""
    token = _saving.set(False)
    try:
        yield
    finally:
        _saving.reset(token)


def saves_indices() -> bool:
    """Whether what is made of data may be kept beside them."""
    return _saving.get()


def load_index(shard: Path) -> ShardIndex:
    """The index of a local shard; made and stored if there is none, or it is not this shard's, or makes no sense.

    An index is taken for the shard's by size and time, and by the system's number of the file and time of its last
    change. Where only size and time agree, as for a copy, the checksums of a few of its files decide.

    Raises:
        MultigraftError: there is no such shard.
        RefusedShardError: not a tar that can be used.
    """
    status = _status(shard)
    stamp = status.st_size, status.st_mtime_ns
    unsaved = _unsaved.get(shard)
    if unsaved is not None and unsaved.stamp == stamp:
        return unsaved
    index = _stored(shard)
    if index is None:
        return store_index(shard)
    if index.stamp == stamp and index.head.identity == (status.st_ino, status.st_ctime_ns):
        return index
    if index.stamp == stamp and _looks_right(shard, index):
        return _adopted(shard, index)
    return renew_index(shard, index) or index


def stored_index(shard: Path) -> ShardIndex:
    """The index beside a shard as it lies there, all of it read, whatever the shard is by now; nothing is made anew.

    Raises:
        OSError: there is none.
        ValueError: not an index of this version, or a damaged one.
    """
    head, file = _index_file(shard, None)

    def refuse(fault: str, lost: IndexFile) -> IndexFile:
        raise ValueError(fault)

    tables = StoredTables(file, lambda name, data: table_fault(name, data, head, file.extents), refuse)
    for name in file.extents:
        tables.whole(name)
    return ShardIndex(head, tables)


def open_index(shard: Path) -> ShardIndex:
    """The index beside where a shard lies or will lie, as it is.

    Raises:
        OSError: there is none.
        ValueError: not an index of this version, or one that was altered.
    """
    return _opened(shard)


def _stored(shard: Path) -> ShardIndex | None:
    """The index beside a shard; None where there is none that can be believed."""
    try:
        return _opened(shard)
    except (OSError, ValueError):
        return None


def _opened(shard: Path, data: bytes | None = None) -> ShardIndex:
    """The index beside a shard, or in its bytes.

    Raises:
        OSError: there is no such file.
        ValueError: not an index of this version, or one that was altered.
    """
    head, file = _index_file(shard, data)

    def renewed(fault: str, lost: IndexFile) -> IndexFile:
        return _written_since(shard, head, lost) or _made_again(shard, head, fault)

    def fault_of(name: str, table: bytes) -> str:
        return table_fault(name, table, head, file.extents)

    return ShardIndex(head, StoredTables(file, fault_of, renewed))


def _written_since(shard: Path, head: Head, lost: IndexFile) -> IndexFile | None:
    """The index file of the same content that another process has written in place of one; None where there is none."""
    try:
        new, file = _index_file(shard, None)
    except (OSError, ValueError):
        return None
    return file if new.content == head.content and file.stamp != lost.stamp else None


def _made_again(shard: Path, head: Head, fault: str) -> IndexFile:
    """The file of an index whose tables are damaged.

    Raises:
        MultigraftError: the shard is another one by now, or is not here; then the damaged file is removed.
    """
    path = index_path(shard)
    if not shard.exists():
        path.unlink(missing_ok=True)
        raise MultigraftError(
            f"{path} is damaged ({fault}), and its shard is not beside it; it is removed: start again"
        )
    print(f"{path} is damaged ({fault}), and made again", file=sys.stderr, flush=True)
    data = _walked(shard)
    _store(shard, data)
    new, made = _index_file(shard, data)
    if new.content != head.content:
        raise MultigraftError(f"the shard {shard} was changed while it was being read")
    return made


def _index_file(shard: Path, data: bytes | None) -> tuple[Head, IndexFile]:
    path = index_path(shard)
    if data is not None:
        head, extents = head_of(lambda offset, size: data[offset : offset + size])
        return head, IndexFile(path, extents, (0, 0), data)
    opened = OpenFile(path)
    head, extents = head_of(opened.read)
    return head, IndexFile(path, extents, opened.stamp)


def _adopted(shard: Path, index: ShardIndex) -> ShardIndex:
    """The index of a copy, stored as this file's own if that can be."""
    path = index_path(shard)
    try:
        data = with_identity(path.read_bytes(), OpenFile(shard).identity)
        if _saving.get():
            _write(path, data)
            return _opened(shard)
    except (OSError, ValueError):
        pass
    return index


def renew_index(shard: Path, old: ShardIndex) -> ShardIndex | None:
    """The index of a shard made and stored anew if the old one describes another shard; None if it is this one's, and
    some files of the shard were damaged.

    Raises:
        RefusedShardError: not a tar that can be used.
    """
    data = _walked(shard)
    new = _opened(shard, data)
    if new.stamp == old.stamp and _same_shard(old, new):
        return None
    return _store(shard, data)


def store_index(shard: Path) -> ShardIndex:
    """Walk a shard and write its index beside it; in a folder that cannot be written to, the index stays in memory."""
    return _store(shard, _walked(shard))


def make_index(shard: Path) -> ShardIndex:
    """Walk a shard: places, checksums and annotations of its samples; nothing is written.

    Raises:
        MultigraftError: there is no such shard.
        RefusedShardError: not a tar that can be used.
    """
    return _opened(shard, _walked(shard))


def _walked(shard: Path) -> bytes:
    """The index of a shard as it is stored."""
    from multigraft.core.data.index_builder import IndexBuilder
    from multigraft.core.data.tar_reader import TarWalk

    _status(shard)
    try:
        data = OpenFile(shard)
        walk = TarWalk(str(shard), data)
        builder = IndexBuilder(str(shard), data)
        for member in walk:
            builder.add(member)
        return builder.index(walk)
    except OSError as error:
        raise MultigraftError(f"cannot read the shard {shard}: {error.strerror}") from None


def stamp_of(shard: Path) -> tuple[int, int]:
    """Bytes and modification time in nanoseconds.

    Raises:
        MultigraftError: there is no such shard.
    """
    status = _status(shard)
    return status.st_size, status.st_mtime_ns


def _status(shard: Path) -> os.stat_result:
    try:
        status = os.stat(shard)
    except OSError as error:
        raise MultigraftError(f"cannot read the shard {shard}: {error.strerror}") from None
    if not S_ISREG(status.st_mode):
        raise MultigraftError(f"cannot read the shard {shard}: it is no file")
    return status


def _store(shard: Path, data: bytes) -> ShardIndex:
    """Write an index; where that cannot or must not be, keep it in memory."""
    path = index_path(shard)
    if _saving.get():
        try:
            _write(path, data)
            return _opened(shard)
        except OSError as error:
            warnings.warn(f"the index of {shard} is kept in memory only: {error}", stacklevel=2)
    _unsaved[shard] = _opened(shard, data)
    return _unsaved[shard]


def _write(path: Path, data: bytes) -> None:
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


def _looks_right(shard: Path, index: ShardIndex) -> bool:
    """Whether a few files, spread evenly, have the checksums that the index gives."""
    members = index.members
    small = np.flatnonzero(members.size <= _LARGEST_LOOKED_AT)
    if not len(small):
        return True
    chosen = np.unique(small[np.linspace(0, len(small) - 1, _LOOKED_AT).astype(np.int64)])
    try:
        data = OpenFile(shard)
        return all(data.crc(int(members.offset[each]), int(members.size[each])) == members.crc[each] for each in chosen)
    except OSError as error:
        raise MultigraftError(f"cannot read the shard {shard}: {error.strerror}") from None


def _same_shard(old: ShardIndex, new: ShardIndex) -> bool:
    """Whether two indices of equal stamp name the same files in the same places, and of each field most or all but one
    have the same bytes."""
    names = (old.keys, old.head.fields) == (new.keys, new.head.fields)
    columns = ("first", "field", "offset", "size")
    if not names or not all(np.array_equal(getattr(old.members, c), getattr(new.members, c)) for c in columns):
        return False
    differ = old.members.crc != new.members.crc
    of_field = np.bincount(old.members.field[differ], minlength=len(old.head.fields))
    most = 2 * of_field > np.bincount(old.members.field, minlength=len(old.head.fields))
    return int(differ.sum()) < 2 or not most.any()
