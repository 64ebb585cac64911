"""Which form a file of rows has, by its ending or else by its first bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft import MultigraftError, did_you_mean
from multigraft.plugins.sources.delimited import delimited_rows
from multigraft.plugins.sources.embedded import named
from multigraft.plugins.sources.json_rows import json_line_rows, object_rows
from multigraft.plugins.sources.options import TableOptions
from multigraft.plugins.sources.row import BrokenRow, TableRow

if TYPE_CHECKING:
    from multigraft.plugins.sources.arrow_file import ArrowFile

Rows = Iterator[TableRow | BrokenRow]
_FORMS: dict[str, Callable[[Path, TableOptions], Rows]] = {
    "csv": lambda path, options: delimited_rows(path, options.delimiter or ","),
    "tsv": lambda path, options: delimited_rows(path, options.delimiter or "\t"),
    "json": lambda path, options: object_rows(path, options.records),
    "jsonl": lambda path, options: json_line_rows(path),
    "ndjson": lambda path, options: json_line_rows(path),
}
_ARROW = ("parquet", "arrow", "feather")
_ARROW_BYTES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
_PACKED = {".gz": "gzip -d", ".bz2": "bzip2 -d", ".xz": "xz -d", ".zst": "zstd -d", ".zip": "unzip"}
_FIRST_BYTES = ((b"[", "json"), (b"{", "jsonl"))


def text_rows(path: Path, options: TableOptions) -> Rows:
    """The rows of a file of text.

    Raises:
        MultigraftError: its form is not known, or it cannot be read.
    """
    form = _by_ending(path) or _by_first_bytes(path)
    if form is None:
        if path.suffix.lower() in _PACKED:
            raise MultigraftError(f"{path} is compressed; unpack it first, such as by `{_PACKED[path.suffix.lower()]}`")
        told = did_you_mean(path.suffix.removeprefix(".").lower(), (*_FORMS, *_ARROW))
        raise MultigraftError(f"{path}: no form of tables has this ending; {told}")
    return _FORMS[form](path, options)


def has_header(path: Path) -> bool:
    """Whether the first line of a file of text names the columns of all rows."""
    return _by_ending(path) in ("csv", "tsv")


def open_arrow_file(path: Path) -> "ArrowFile":
    """A Parquet or Arrow file.

    Raises:
        MultigraftError: it is none, or pyarrow is not installed.
    """
    try:
        from multigraft.plugins.sources.arrow_file import open_arrow
    except ImportError as error:
        text = f"{path} is read by pyarrow ({error}): pip install 'multigraft[tables]'"
        raise MultigraftError(text) from None
    return open_arrow(path)


def arrow_rows(file: "ArrowFile", number: int) -> Rows:
    """The rows of a Parquet or Arrow file, with names in place of the media that lie in it.

    Args:
        number: of the file, for these names.

    Raises:
        MultigraftError: it is damaged.
    """
    for row, values in enumerate(file.rows()):
        yield TableRow(row, {name: named(value, f"{number}#{row}/{name}") for name, value in values.items()})


def holds_arrow(path: Path) -> bool:
    """Whether a file is Parquet or Arrow, by its ending or its first bytes."""
    with path.open("rb") as file:
        return path.suffix.removeprefix(".").lower() in _ARROW or file.read(8).startswith(_ARROW_BYTES)


def _by_ending(path: Path) -> str | None:
    ending = path.suffix.removeprefix(".").lower()
    return ending if ending in _FORMS else None


def _by_first_bytes(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((form for magic, form in _FIRST_BYTES if head.startswith(magic)), None)
