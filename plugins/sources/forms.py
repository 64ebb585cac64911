"""Which form a file of rows has, by its ending or else by its first bytes."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from multigraft import MultigraftError, did_you_mean
from multigraft.plugins.sources.delimited import delimited_rows
from multigraft.plugins.sources.embedded import named
from multigraft.plugins.sources.json_rows import is_json_lines, json_line_rows, json_rows
from multigraft.plugins.sources.mapping import is_row
from multigraft.plugins.sources.options import TableOptions
from multigraft.plugins.sources.row import BrokenRow, TableRow

if TYPE_CHECKING:
    from multigraft.plugins.sources.arrow_file import ArrowFile

Rows = Iterator[TableRow | BrokenRow]
_FORMS: dict[str, Callable[[Path, TableOptions], Rows]] = {
    "csv": lambda path, options: delimited_rows(path, options.delimiter or ","),
    "tsv": lambda path, options: delimited_rows(path, options.delimiter or "\t"),
    "json": lambda path, options: json_rows(path, options.records, partial(is_row, options)),
    "jsonl": lambda path, options: json_line_rows(path),
}
_ENDINGS = {"csv": "csv", "tsv": "tsv", "json": "json", "jsonl": "json", "ndjson": "json"}
_ARROW = ("parquet", "arrow", "feather")
_ARROW_BYTES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
_PACKED = {".gz": "gzip -d", ".bz2": "bzip2 -d", ".xz": "xz -d", ".zst": "zstd -d", ".zip": "unzip"}


def text_rows(path: Path, options: TableOptions) -> Rows:
    """The rows of a file of text.

    Raises:
        MultigraftError: its form is not known, or it cannot be read.
    """
    return _FORMS[text_form(path)](path, options)


def text_form(path: Path) -> str:
    """`csv`, `tsv`, `json` or `jsonl`.

    Raises:
        MultigraftError: it is none of these.
    """
    form = _by_ending(path) or ("json" if _begins_json(path) else None)
    if form is None:
        if path.suffix.lower() in _PACKED:
            raise MultigraftError(f"{path} is compressed; unpack it first, such as by `{_PACKED[path.suffix.lower()]}`")
        told = did_you_mean(path.suffix.removeprefix(".").lower(), (*_ENDINGS, *_ARROW))
        raise MultigraftError(f"{path}: no form of tables has this ending; {told}")
    return "jsonl" if form == "json" and is_json_lines(path) else form


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
    return _ENDINGS.get(path.suffix.removeprefix(".").lower())


def _begins_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"[", b"{"))
