"""Texts that are read again in another order: kept in a file that has no name, only their places in memory."""

import os
from array import array
from pathlib import Path
from tempfile import TemporaryFile


class Spool:
    """Appends pieces of bytes and reads them by number; its room on the disk is free again when its process ends.

    Args:
        folder: on whose disk it lies.
    """

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as the spool
        self._ends = array("q", [0])

    def add(self, piece: bytes) -> None:
        """Append a piece."""
        self._file.write(piece)
        self._ends.append(self._ends[-1] + len(piece))

    def flush(self) -> None:
        """Make everything readable that was added."""
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def size(self, number: int) -> int:
        """Bytes of a piece."""
        return self._ends[number + 1] - self._ends[number]

    def read(self, number: int) -> bytes:
        """A piece; safe to call from several threads."""
        return os.pread(self._file.fileno(), self.size(number), self._ends[number])

    def close(self) -> None:
        """Give the room back."""
        self._file.close()
