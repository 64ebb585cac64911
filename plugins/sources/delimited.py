"""Rows of CSV and TSV files, by the standard library's reader. The first line names the columns."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from multigraft import MultigraftError
from multigraft.plugins.sources.files import refuse_utf_16
from multigraft.plugins.sources.row import BrokenRow, TableRow
from multigraft.plugins.sources.row_lines import RowLines

_LARGEST_CELL = 16 << 20
_OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def delimited_rows(path: Path, delimiter: str) -> Iterator[TableRow | BrokenRow]:
    """The rows of a UTF-8 file; cells are texts, and an empty one is None.

    Raises:
        MultigraftError: the first line does not name columns, or names one twice; it is UTF-16.
    """
    refuse_utf_16(path)
    csv.field_size_limit(_LARGEST_CELL)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = RowLines(file)
        rows = _cells(lines, delimiter)
        header = _header(path, next(rows, []), delimiter)
        number = 0
        for cells in rows:
            if cells == []:
                continue
            yield _row(number, header, cells, lines)
            number += 1


def _header(path: Path, header: list[str] | str, delimiter: str) -> list[str]:
    if isinstance(header, str):
        raise MultigraftError(f"{path}: its first line does not name columns: {header}")
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


def _cells(lines: RowLines, delimiter: str) -> Iterator[list[str] | str]:
    """The cells of each row, or what the reader says of it."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_row()
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _told(str(error), lines, delimiter)


def _told(error: str, lines: RowLines, delimiter: str) -> str:
    """What is wrong with a row, and in which line; where a cell in quotes has several, in which it begins."""
    opened = lines.quote_line(delimiter)
    if error == "unexpected end of data":
        rest = f"; all up to line {lines.last} is one row" if opened < lines.last else ""
        return f"line {opened}: a quote opens here and is never closed{rest}"
    return f"line {lines.last}: {error}" + (f"; the quote opens in line {opened}" if opened < lines.last else "")


def _row(number: int, header: list[str], cells: list[str] | str, lines: RowLines) -> TableRow | BrokenRow:
    rows = lines.last - lines.first + 1
    if isinstance(cells, str):
        return BrokenRow(number, cells, rows)
    if not _is_utf_8(cells):
        return BrokenRow(number, f"line {lines.first}: it is not UTF-8", rows)
    if len(cells) != len(header):
        several = f"lines {lines.first} to {lines.last}" if lines.first < lines.last else f"line {lines.last}"
        told = f"{several}: {len(cells)} cells, where the first line names {len(header)} columns"
        return BrokenRow(number, told, rows)
    return TableRow(number, {name: cell or None for name, cell in zip(header, cells, strict=True)})


def _is_utf_8(cells: list[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
