"""Makes the index of a shard by walking it, or loads the one that lies beside it if that can be trusted."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from stat import S_ISREG

import numpy as np

from multigraft.core.atomic import written_whole
from multigraft.core.data.index import ShardIndex, index_path
from multigraft.core.data.index_file import index_from_json, index_to_json
from multigraft.core.data.open_file import OpenFile
from multigraft.core.errors import MultigraftError

_unsaved: dict[Path, ShardIndex] = {}
"""Indices of shards in folders that cannot, or must not, be written to."""
_saving = ContextVar("saving", default=True)
_LARGEST_INDEX, _INDEX_SHARE = 1 << 20, 8
"""Bytes of an index, at most: so many, and so many for each byte of its shard; no honest one is near."""
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


def load_index(shard: Path) -> ShardIndex:
    """The index of a local shard; made and stored if there is none, or it is not this shard's, or makes no sense.

    An index is taken for the shard's by size, time, and the checksums of a few of its files; those tell a shard that
    was replaced by one of the same size and time.

    Raises:
        MultigraftError: there is no such shard.
        RefusedShardError: not a tar that can be used.
    """
    stamp = stamp_of(shard)
    unsaved = _unsaved.get(shard)
    if unsaved is not None and unsaved.stamp == stamp:
        return unsaved
    index = _stored(index_path(shard), stamp[0])
    if index is None:
        return store_index(shard)
    if index.stamp == stamp and _looks_right(shard, index):
        return index
    return renew_index(shard, index) or index


def _stored(path: Path, shard_bytes: int) -> ShardIndex | None:
    """The index in a file; None where there is none that can be believed."""
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode) or status.st_size > _LARGEST_INDEX + _INDEX_SHARE * shard_bytes:
            return None
        return index_from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def renew_index(shard: Path, old: ShardIndex) -> ShardIndex | None:
    """The index of a shard made and stored anew if the old one describes another shard; None if it is this one's, and
    some files of the shard were damaged.

    Raises:
        RefusedShardError: not a tar that can be used.
    """
    new = make_index(shard)
    if new.stamp == old.stamp and _same_shard(old, new):
        return None
    return _store(shard, new)


def store_index(shard: Path) -> ShardIndex:
    """Walk a shard and write its index beside it; in a folder that cannot be written to, the index stays in memory."""
    return _store(shard, make_index(shard))


def make_index(shard: Path) -> ShardIndex:
    """Walk a shard: places, checksums and annotations of its samples.

    Raises:
        MultigraftError: there is no such shard.
        RefusedShardError: not a tar that can be used.
    """
    from multigraft.core.data.index_builder import IndexBuilder
    from multigraft.core.data.tar_reader import TarWalk

    stamp = stamp_of(shard)
    try:
        data = OpenFile(shard)
        walk = TarWalk(str(shard), data)
        builder = IndexBuilder(str(shard), data)
        for member in walk:
            builder.add(member)
        return builder.index(stamp, walk)
    except OSError as error:
        raise MultigraftError(f"cannot read the shard {shard}: {error.strerror}") from None


def stamp_of(shard: Path) -> tuple[int, int]:
    """Bytes and modification time in nanoseconds.

    Raises:
        MultigraftError: there is no such shard.
    """
    try:
        status = shard.stat()
    except OSError as error:
        raise MultigraftError(f"cannot read the shard {shard}: {error.strerror}") from None
    if not S_ISREG(status.st_mode):
        raise MultigraftError(f"cannot read the shard {shard}: it is no file")
    return status.st_size, status.st_mtime_ns


def _store(shard: Path, index: ShardIndex) -> ShardIndex:
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
    names = (old.keys, old.fields) == (new.keys, new.fields)
    columns = ("first", "field", "offset", "size")
    if not names or not all(np.array_equal(getattr(old.members, c), getattr(new.members, c)) for c in columns):
        return False
    differ = old.members.crc != new.members.crc
    of_field = np.bincount(old.members.field[differ], minlength=len(old.fields))
    most = 2 * of_field > np.bincount(old.members.field, minlength=len(old.fields))
    return int(differ.sum()) < 2 or not most.any()
