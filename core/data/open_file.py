"""A file that is read at places, never mapped: one that is cut meanwhile gives a short read, not a signal."""

import os
import weakref
import zlib
from pathlib import Path

_PIECE = 1 << 20


class OpenFile:
    """A file descriptor that is closed when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from `offset` on, fewer where the file ends."""
        return os.pread(self._descriptor, size, offset)

    def crc(self, offset: int, size: int) -> int:
        """crc32 of a stretch, read in pieces."""
        total, end = 0, offset + size
        while offset < end and (piece := self.read(offset, min(_PIECE, end - offset))):
            total = zlib.crc32(piece, total)
            offset += len(piece)
        return total

    def next_byte(self, offset: int) -> int | None:
        """Where the first byte that is not 0 lies, from `offset` on."""
        while piece := self.read(offset, _PIECE):
            rest = piece.lstrip(b"\0")
            if rest:
                return offset + len(piece) - len(rest)
            offset += len(piece)
        return None
