"""A file that is read at places, never mapped: one that is cut meanwhile gives a short read, not a signal."""

import os
from collections.abc import Callable
from errno import EINVAL
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

from zlib_ng.zlib_ng import crc32

_PIECE = 1 << 20
_OPEN_FILES = 256


class OpenFile:
    """A file descriptor that is closed when nobody holds it any more.

    Raises:
        OSError: there is no such file, or it is a folder, a pipe or a device.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        if not S_ISREG(status.st_mode):
            raise OSError(EINVAL, "it is no file")
        self.size = status.st_size
        self.stamp = status.st_size, status.st_mtime_ns
        """Bytes and modification time in nanoseconds."""
        self.identity = status.st_ino, status.st_ctime_ns
        """Its number and the time of its last change, by which the system tells it from any other."""

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # when Python ends, `os` may be empty
        if hasattr(self, "_descriptor"):
            close(self._descriptor)

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from `offset` on, fewer where the file ends; no room is made for more than there were at first."""
        left = self.size - offset
        return os.pread(self._descriptor, min(size, left), offset) if left > 0 else b""

    def crc(self, offset: int, size: int) -> int:
        """crc32 of a stretch, read in pieces."""
        total, end = 0, offset + size
        while offset < end and (piece := self.read(offset, min(_PIECE, end - offset))):
            total = crc32(piece, total)
            offset += len(piece)
        return total

    def hold(self) -> bool:
        """Hold the file until nobody has it open here, so that `removed_unless_held` leaves it; False where it is just
        being removed."""
        return _locked(self._descriptor, exclusive=False)

    def next_byte(self, offset: int) -> int | None:
        """Where the first byte that is not 0 lies, from `offset` on."""
        while piece := self.read(offset, _PIECE):
            rest = piece.lstrip(b"\0")
            if rest:
                return offset + len(piece) - len(rest)
            offset += len(piece)
        return None


def removed_unless_held(path: Path) -> bool:
    """Remove a file that no process holds; whether it is gone.

    Raises:
        OSError: it cannot be removed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        if not _locked(descriptor, exclusive=True):
            return False
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)


def _locked(descriptor: int, exclusive: bool) -> bool:
    """Take the system's lock of an open file, which ends when it is closed; whether it is ours."""
    import fcntl  # systems without it have no cache of shards, and read local ones

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@lru_cache(maxsize=_OPEN_FILES)
def kept_open(path: Path, stamp: tuple[int, int]) -> OpenFile:
    """The file that had a size and time; those used last stay open. It may be another one by now.

    Raises:
        OSError: it cannot be opened.
    """
    return OpenFile(path)
