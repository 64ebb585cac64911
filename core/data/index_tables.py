"""The tables of an index file: read whole and kept while there is room, or, where they are large, row by row."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from threading import Lock
from typing import Any

import numpy as np
from zlib_ng.zlib_ng import crc32

from multigraft.core.data.index import AnnotationPlace, Extent, FilePlace
from multigraft.core.data.open_file import kept_open
from multigraft.core.errors import MultigraftError

_FILE, _ANNOTATION, _NUMBER = Struct("<IIQQ"), Struct("<IIIIIIIIQ"), Struct("<I")
_PAIR = Struct("<II")
_LARGE = 1 << 20
"""Bytes of a table of which single rows are read."""
_RENEWALS = 2
"""Another process may have written the file anew, and that one may be damaged."""
_ROOM = 128 << 20
"""Bytes of all tables that are kept."""


@dataclass
class IndexFile:
    """Where tables are read from."""

    path: Path
    extents: Mapping[str, Extent]
    stamp: tuple[int, int]
    """Bytes and time of the file."""
    data: bytes | None = None
    """The whole file, where it is in memory."""

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the file; fewer where it ends, or none where it is not the file that it was."""
        if self.data is not None:
            return self.data[offset : offset + size]
        try:
            file = kept_open(self.path, self.stamp)
            return file.read(offset, size) if file.stamp == self.stamp else b""
        except OSError:
            return b""


class StoredTables:
    """The tables of one index.

    Args:
        file: where they are.
        fault: what in a table cannot be, in words; it is asked once for each.
        renewed: given what is wrong and the file, another file in its place.
    """

    def __init__(
        self, file: IndexFile, fault: Callable[[str, bytes], str], renewed: Callable[[str, IndexFile], IndexFile]
    ) -> None:
        self._file, self._fault, self._renewed = file, fault, renewed
        self.kept: dict[str, bytes] = {}
        self._checked: set[str] = set()

    def whole(self, name: str) -> bytes:
        """All of a table.

        Raises:
            MultigraftError: the index file is damaged, and cannot be made anew.
        """
        found = self.kept.get(name)
        if found is None:
            found = self._loaded(name)
            if len(found) <= _LARGE:
                _KEPT.keep(self, name, found)
        return found

    def derived(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What is made of other tables, kept like one of them."""
        found = self.kept.get(name)
        if found is None:
            found = make()
            _KEPT.keep(self, name, found)
        return found

    def json(self, name: str) -> Any:
        """A table that is JSON."""
        return json.loads(self.whole(name))

    def text(self, name: str, start: int, end: int) -> str:
        """A stretch of a table that is text."""
        return self._stretch(name, start, end - start).decode("utf-8", "backslashreplace")

    def rows(self, name: str, first: int, last: int, kind: np.dtype[np.void]) -> np.ndarray[Any, Any]:
        """Some rows of a table."""
        return np.frombuffer(self._stretch(name, first * kind.itemsize, (last - first) * kind.itemsize), kind)

    def number(self, name: str, row: int) -> int:
        """One row of a table of numbers."""
        kept = self.kept.get(name)
        found: int = (_NUMBER.unpack_from(kept, row * 4) if kept else self._row(name, _NUMBER, row))[0]
        return found

    def file(self, row: int) -> FilePlace:
        """One row of the table of files."""
        kept = self.kept.get("files")
        return FilePlace._make(_FILE.unpack_from(kept, row * _FILE.size) if kept else self._row("files", _FILE, row))

    def annotation(self, row: int) -> AnnotationPlace:
        """One row of the table of annotations."""
        kept = self.kept.get("annotations")
        if kept:
            return AnnotationPlace._make(_ANNOTATION.unpack_from(kept, row * _ANNOTATION.size))
        return AnnotationPlace._make(self._row("annotations", _ANNOTATION, row))

    def files_of(self, sample: int) -> range:
        """Which rows of the table of files are a sample's."""
        kept = self.kept.get("first")
        if kept:
            return range(*_PAIR.unpack_from(kept, sample * _NUMBER.size))
        return range(self.number("first", sample), self.number("first", sample + 1))

    def _row(self, name: str, form: Struct, row: int) -> tuple[Any, ...]:
        return form.unpack(self._stretch(name, row * form.size, form.size))

    def _stretch(self, name: str, start: int, size: int) -> bytes:
        if self._file.extents[name].size <= _LARGE:
            return self.whole(name)[start : start + size]
        if name not in self._checked:
            self._loaded(name)
        data = self._file.read(self._file.extents[name].offset + start, size)
        return data if len(data) == size else self._loaded(name)[start : start + size]

    def _loaded(self, name: str) -> bytes:
        """A table that is right; the file is made anew where it is not."""
        data, fault = self._tried(name)
        for _ in range(_RENEWALS):
            if not fault:
                break
            self._file = self._renewed(fault, self._file)
            data, fault = self._tried(name)
        if fault:
            raise MultigraftError(f"the index {self._file.path} is damaged: {fault}")
        self._checked.add(name)
        return data

    def _tried(self, name: str) -> tuple[bytes, str]:
        extent = self._file.extents[name]
        data = self._file.read(extent.offset, extent.size)
        if len(data) < extent.size or crc32(data) != extent.crc:
            return b"", f"the table `{name}` is not what was written"
        return data, "" if name in self._checked else self._fault(name, data)


class _Kept:
    """Which tables are in memory: those loaded last, as many as there is room for."""

    def __init__(self, room: int) -> None:
        self._room, self._lock = room, Lock()
        self._loaded: deque[tuple[StoredTables, str, int]] = deque()

    def keep(self, tables: StoredTables, name: str, data: bytes) -> None:
        with self._lock:
            if name in tables.kept:
                return
            tables.kept[name] = data
            self._loaded.append((tables, name, len(data)))
            self._room -= len(data)
            while self._room < 0:
                oldest, its_name, size = self._loaded.popleft()
                del oldest.kept[its_name]
                self._room += size


_KEPT = _Kept(_ROOM)
