"""Parquet and Arrow files by pyarrow, a row group or a record batch at a time. Nothing in them is run.

Files are read, never mapped: one that is cut meanwhile is an error, not a signal.
"""

import json
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from multigraft import MultigraftError

_SLICE = 256
"""Rows that are Python values at a time."""
_KEPT = 2
"""Columns of pieces that stay in memory for reading single values."""


class ArrowFile(ABC):
    """A file in pieces of some rows, each read when it is asked for; safe to read values of from several threads."""

    def __init__(self, path: Path, schema: pa.Schema, rows: Sequence[int]) -> None:
        self.path, self.schema = path, schema
        self._ends = list(accumulate(rows))
        self._lock = Lock()
        self._column = lru_cache(_KEPT)(lambda piece, name: _checked(self._read(piece, [name])).column(0))
        self._names = _class_names(schema)

    @abstractmethod
    def _read(self, piece: int, columns: list[str] | None) -> Any:
        """A table or record batch of a piece, of all columns or some."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows as Python values; labels of a Hugging Face `ClassLabel` by name.

        Raises:
            MultigraftError: the file is damaged.
        """
        for piece in range(len(self._ends)):
            with self._lock, telling(self.path):
                table = _checked(self._read(piece, None))
            for start in range(0, table.num_rows, _SLICE):
                with telling(self.path):
                    rows = table.slice(start, _SLICE).to_pylist()
                for row in rows:
                    yield row | {name: _named(row[name], names) for name, names in self._names.items()}

    def value(self, row: int, column: str) -> Any:
        """One value, as a Python value; None where there is no such row or column.

        Raises:
            MultigraftError: the file is damaged.
        """
        piece = bisect_right(self._ends, row)
        if piece == len(self._ends) or column not in self.schema.names:
            return None
        with self._lock, telling(self.path):
            values = self._column(piece, column)
            return values[row - (self._ends[piece - 1] if piece else 0)].as_py()


class ParquetFile(ArrowFile):
    """Row groups."""

    def __init__(self, path: Path) -> None:
        self._file = pa.parquet.ParquetFile(path, pre_buffer=False)
        groups = range(self._file.num_row_groups)
        rows = [self._file.metadata.row_group(group).num_rows for group in groups]
        super().__init__(path, self._file.schema_arrow, rows)

    def _read(self, piece: int, columns: list[str] | None) -> Any:
        return self._file.read_row_group(piece, columns, use_threads=False)


class ArrowBatches(ArrowFile):
    """Record batches of a file that begins with `ARROW1`."""

    def __init__(self, path: Path) -> None:
        self._file = pa.ipc.open_file(pa.OSFile(str(path)))
        batches = range(self._file.num_record_batches)
        super().__init__(path, self._file.schema, [self._file.get_batch(batch).num_rows for batch in batches])

    def _read(self, piece: int, columns: list[str] | None) -> Any:
        batch = self._file.get_batch(piece)
        return batch if columns is None else batch.select(columns)


class ArrowStream(ArrowFile):
    """Record batches one behind the other, as `Dataset.save_to_disk` of Hugging Face's datasets writes them."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, pa.OSFile(str(path))
        self._schema = pa.ipc.read_schema(pa.ipc.read_message(self._file))
        self._places: list[int] = []
        super().__init__(path, self._schema, [batch.num_rows for batch in self._batches()])

    def _batches(self) -> Iterator[pa.RecordBatch]:
        size, place = self._file.size(), self._file.tell()
        while place < size:
            try:
                message = pa.ipc.read_message(self._file)
            except EOFError:
                return
            if message.type != "record batch":
                raise MultigraftError(f"{self._path}: a {message.type} is not read; save it as Parquet")
            self._places.append(place)
            yield pa.ipc.read_record_batch(message, self._schema)
            place = self._file.tell()

    def _read(self, piece: int, columns: list[str] | None) -> Any:
        self._file.seek(self._places[piece])
        batch = pa.ipc.read_record_batch(pa.ipc.read_message(self._file), self._schema)
        return batch if columns is None else batch.select(columns)


def open_arrow(path: Path) -> ArrowFile:
    """A file of any of these forms, by its first bytes.

    Raises:
        MultigraftError: it is none, or damaged.
    """
    with path.open("rb") as file:
        head = file.read(6)
    made = ParquetFile if head.startswith(b"PAR1") else ArrowBatches if head == b"ARROW1" else ArrowStream
    with telling(path):
        return made(path)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Tell what pyarrow says of a file.

    Raises:
        MultigraftError: instead of the library's own errors.
    """
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, ValueError, OverflowError) as error:
        raise MultigraftError(f"{path}: it cannot be read as Parquet or Arrow: {error}") from None


def _checked(table: Any) -> Any:
    """A table or record batch whose places, lengths and texts are right: pyarrow follows them unseen.

    Raises:
        ArrowException: they are not.
    """
    table.validate(full=True)
    return table


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of the classes of each column of labels, as Hugging Face's datasets keep them in the schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        below = {name: feature.get("feature", feature) for name, feature in features.items() if name in schema.names}
        return {name: each["names"] for name, each in below.items() if each.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}


def _named(value: Any, names: Sequence[str]) -> Any:
    """The name of a label, or those of a list; -1 stands for none."""
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None if value == -1 else value
