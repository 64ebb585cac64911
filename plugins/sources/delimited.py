"""Rows of CSV and TSV files, by the standard library's reader. The first line names the columns."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from multigraft import MultigraftError
from multigraft.plugins.sources.row import BrokenRow, TableRow

_LARGEST_CELL = 16 << 20
_OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def delimited_rows(path: Path, delimiter: str) -> Iterator[TableRow | BrokenRow]:
    """The rows of a UTF-8 file; cells are texts, and an empty one is None.

    Raises:
        MultigraftError: the first line does not name columns, or names one twice; it is UTF-16.
    """
    with path.open("rb") as start:
        if start.read(2) in _UTF_16:
            raise MultigraftError(f"{path} is UTF-16; save it as UTF-8")
    csv.field_size_limit(_LARGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = _header(path, reader, delimiter)
        number = 0
        for cells in _cells(reader):
            if cells == []:
                continue
            yield _row(number, header, cells)
            number += 1


def _header(path: Path, reader: "Iterator[list[str]]", delimiter: str) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise MultigraftError(f"{path}: its first line does not name columns: {error}") from None
    repeated = [name for name in header if header.count(name) > 1]
    if not header or repeated:
        what = f"names {repeated[0]!r} twice" if repeated else "is empty"
        raise MultigraftError(f"{path}: its first line must name the columns, and {what}")
    other = next((mark for mark in _OTHERS if len(header) == 1 and mark in header[0]), "")
    if other:
        raise MultigraftError(
            f"{path}: its first line has no {delimiter!r} and {_OTHERS[other]}: say so by `delimiter`, such as --set "
            f"'delimiter={json.dumps(other)}'"
        )
    return header


def _cells(reader: "Iterator[list[str]]") -> Iterator[list[str] | str]:
    """The cells of each row, or what the reader says of it."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"line {getattr(reader, 'line_num', 0)}: {error}"


def _row(number: int, header: list[str], cells: list[str] | str) -> TableRow | BrokenRow:
    if isinstance(cells, str):
        return BrokenRow(number, cells)
    if not _is_utf_8(cells):
        return BrokenRow(number, "it is not UTF-8")
    if len(cells) != len(header):
        return BrokenRow(number, f"{len(cells)} cells, where the first line names {len(header)} columns")
    return TableRow(number, {name: cell or None for name, cell in zip(header, cells, strict=True)})


def _is_utf_8(cells: list[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
