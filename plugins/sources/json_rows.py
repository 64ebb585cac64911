"""Rows of JSON files: a list of objects, read piece by piece, or one below some key; and of JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from multigraft import MultigraftError, did_you_mean
from multigraft.plugins.sources.json_text import LARGEST_VALUE, PIECE, JsonText
from multigraft.plugins.sources.row import BrokenRow, TableRow


def json_line_rows(path: Path) -> Iterator[TableRow | BrokenRow]:
    """The objects of a file with one in each line; empty lines count for nothing."""
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


def json_rows(path: Path, records: str = "", piece: int = PIECE) -> Iterator[TableRow | BrokenRow]:
    """The objects of a list.

    Args:
        records: where the list is, keys with dots between them; if left out, the file is the list.
        piece: characters that are read at a time, at least.

    Raises:
        MultigraftError: there is no list, or the file is no JSON.
    """
    with path.open(encoding="utf-8-sig") as file:
        try:
            values = iter(list_at(path, json.load(file), records)) if records else _items(path, file, piece)
            for number, value in enumerate(values):
                yield _checked(number, value)
        except (ValueError, RecursionError) as error:
            raise MultigraftError(f"{path}: it is no JSON: {error}") from None


def object_rows(path: Path, records: str = "") -> Iterator[TableRow | BrokenRow]:
    """The objects of a JSON file, or of JSON lines, which many call JSON too.

    Raises:
        MultigraftError: as `json_rows`.
    """
    lines = path.suffix.lower() in (".jsonl", ".ndjson") or (not records and _holds_json_lines(path))
    return json_line_rows(path) if lines else json_rows(path, records)


def _holds_json_lines(path: Path) -> bool:
    """Whether a file that may be JSON has an object in its first line and something behind it."""
    with path.open("rb") as file:
        first, second = file.readline(LARGEST_VALUE), file.readline(PIECE)
    try:
        return bool(second.strip()) and isinstance(json.loads(first), dict)
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


def _items(path: Path, file: TextIO, piece: int) -> Iterator[Any]:
    """The items of a list, in memory of a few at a time."""
    stream = JsonText(file, piece)
    if stream.next_mark() != "[":
        raise MultigraftError(f"{path}: it is no list of rows; {_lists_in(path)}")
    return stream.items()


def _lists_in(path: Path) -> str:
    """Under which keys of an object lists stand, in words."""
    value = json.loads(path.read_text(encoding="utf-8-sig"))
    lists = {key: below for key, below in value.items() if isinstance(below, list)} if isinstance(value, dict) else {}
    keys = sorted(lists, key=lambda key: not (lists[key] and isinstance(lists[key][0], dict)))
    found = f"lists stand under {', '.join(keys)}" if keys else "no key holds one"
    return f"say by `records` where they are, such as --set records={keys[0] if keys else 'KEY'}: {found}"
