"""Rows of JSON files: a list of objects, read piece by piece, or one below some key; and of JSON lines."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from multigraft import MultigraftError, did_you_mean
from multigraft.plugins.sources.files import refuse_utf_16
from multigraft.plugins.sources.json_text import LARGEST_VALUE, PIECE, JsonText
from multigraft.plugins.sources.row import BrokenRow, TableRow

IsRow = Callable[[Mapping[str, Any]], bool]

_GOES_ON = (b"[", b":", b",")
"""What stands at the end of a line of JSON whose value is not over."""


def has_no_lists(value: Mapping[str, Any]) -> bool:
    """Whether no list of objects, which may be rows, stands under a key."""
    return not any(isinstance(held, list) and held and isinstance(held[0], dict) for held in value.values())


def json_line_rows(path: Path) -> Iterator[TableRow | BrokenRow]:
    """The objects of a file with one in each line; empty lines count for nothing.

    Raises:
        MultigraftError: the file is UTF-16.
    """
    refuse_utf_16(path)
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LARGEST_VALUE + 1):
            if len(line) > LARGEST_VALUE:
                while line and not line.endswith(b"\n"):
                    line = file.readline(PIECE)
                yield BrokenRow(number, f"a line of more than {LARGEST_VALUE:,} bytes")
            elif text := line.strip().removeprefix(b"\xef\xbb\xbf"):
                yield _of_line(number, text)
            else:
                continue
            number += 1


def json_rows(
    path: Path, records: str | None = "", is_row: IsRow = has_no_lists, piece: int = PIECE
) -> Iterator[TableRow | BrokenRow]:
    """The objects of a list.

    Args:
        records: where the list is, keys with dots between them; if empty, the file is the list; None where nobody can
            say so.
        is_row: whether an object that is all of the file is a row.
        piece: characters that are read at a time, at least.

    Raises:
        MultigraftError: there is no list, or the file is no JSON, or UTF-16.
    """
    refuse_utf_16(path)
    with path.open(encoding="utf-8-sig") as file:
        try:
            values = iter(list_at(path, json.load(file), records)) if records else _items(file, piece)
            if values is None:
                values = iter([_only_row(path, is_row, records is not None)])
            for number, value in enumerate(values):
                yield _checked(number, value)
        except (ValueError, RecursionError) as error:
            raise MultigraftError(f"{path}: it is no JSON: {error}{_instead(path, error)}") from None


def object_rows(path: Path, is_row: IsRow = has_no_lists) -> Iterator[TableRow | BrokenRow]:
    """The objects of a file of JSON or JSON lines, by a source without `records`.

    Raises:
        MultigraftError: as `json_rows`.
    """
    return json_line_rows(path) if is_json_lines(path) else json_rows(path, None, is_row)


def is_json_lines(path: Path) -> bool:
    """Whether an object stands in each line, which many call JSON too; by the first two lines, and by the ending."""
    with path.open("rb") as file:
        lines = (text for line in iter(lambda: file.readline(LARGEST_VALUE), b"") if (text := line.strip()))
        first, second = next(lines, b"").removeprefix(b"\xef\xbb\xbf"), next(lines, b"")
    named = path.suffix.lower() in (".jsonl", ".ndjson")
    if first.startswith(b"["):
        return named and bool(second) and _is(list, first)
    return named or (bool(second) and (_is(dict, first) or (_is(dict, second) and not first.endswith(_GOES_ON))))


def _is(kind: type, text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), kind)
    except (ValueError, RecursionError):
        return False


def list_at(path: Path, value: Any, records: str) -> list[Any]:
    """The list below keys with dots between them.

    Raises:
        MultigraftError: there is none.
    """
    for key in records.split("."):
        if not isinstance(value, dict) or key not in value:
            known = did_you_mean(key, value) if isinstance(value, dict) else "there is no object"
            raise MultigraftError(f"{path}: it has no {records!r}: no key {key!r}; {known}")
        value = value[key]
    if not isinstance(value, list):
        raise MultigraftError(f"{path}: {records!r} is {type(value).__name__}, no list of rows")
    return value


def _of_line(number: int, text: bytes) -> TableRow | BrokenRow:
    try:
        return _checked(number, json.loads(text))
    except (ValueError, RecursionError) as error:
        return BrokenRow(number, f"no JSON: {error}")


def _checked(number: int, value: Any) -> TableRow | BrokenRow:
    if isinstance(value, dict):
        return TableRow(number, value)
    return BrokenRow(number, f"{type(value).__name__}, no object")


def _items(file: TextIO, piece: int) -> Iterator[Any] | None:
    """The items of a list, in memory of a few at a time; None where the file does not begin with one."""
    stream = JsonText(file, piece)
    return _all_of(stream) if stream.next_mark() == "[" else None


def _all_of(stream: JsonText) -> Iterator[Any]:
    yield from stream.items()
    if mark := stream.next_mark():
        raise ValueError(f"Extra data: {mark!r} stands behind the list")


def _only_row(path: Path, is_row: IsRow, has_records: bool) -> Any:
    """The object that is all of the file, if it is a row.

    Raises:
        MultigraftError: it is none, with the keys under which lists stand.
    """
    value = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(value, dict) and is_row(value):
        return value
    lists = {key: below for key, below in value.items() if isinstance(below, list)} if isinstance(value, dict) else {}
    keys = sorted(lists, key=lambda key: not (lists[key] and isinstance(lists[key][0], dict)))
    found = f"lists stand under {', '.join(keys)}" if keys else "no key holds one"
    key = keys[0] if keys else "KEY"
    say = f"say by `records` where they are, such as --set records={key}" if has_records else "nor JSON lines"
    raise MultigraftError(f"{path}: it is no list of rows{'; ' if has_records else ', '}{say}: {found}")


def _instead(path: Path, error: Exception) -> str:
    """What to do about a file of several values."""
    several = str(error).startswith("Extra data")
    lines = shlex.quote(str(path.with_suffix(".jsonl")))
    return f"; as JSON lines each value has a line: `jq -c . {shlex.quote(str(path))} > {lines}`" if several else ""
