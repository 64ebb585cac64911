"""Which form a file of rows has, by its ending or else by its first bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from multigraft import MultigraftError, did_you_mean
from multigraft.plugins.sources.delimited import delimited_rows
from multigraft.plugins.sources.json_rows import holds_json_lines, json_line_rows, json_rows
from multigraft.plugins.sources.options import TableOptions
from multigraft.plugins.sources.row import BrokenRow, TableRow

Rows = Iterator[TableRow | BrokenRow]
_FORMS: dict[str, Callable[[Path, TableOptions], Rows]] = {
    "csv": lambda path, options: delimited_rows(path, ","),
    "tsv": lambda path, options: delimited_rows(path, "\t"),
    "json": lambda path, options: json_rows(path, options.records),
    "jsonl": lambda path, options: json_line_rows(path),
    "ndjson": lambda path, options: json_line_rows(path),
}
_FIRST_BYTES = ((b"[", "json"), (b"{", "jsonl"))


def rows_of(path: Path, options: TableOptions) -> Rows:
    """The rows of a file.

    Raises:
        MultigraftError: its form is not known, or it cannot be read.
    """
    ending = path.suffix.removeprefix(".").lower()
    form = ending if ending in _FORMS else _by_first_bytes(path)
    if form == "json" and not options.records and holds_json_lines(path):
        form = "jsonl"
    if form is None:
        raise MultigraftError(f"{path}: no form of tables has this ending; {did_you_mean(ending, _FORMS)}")
    return _FORMS[form](path, options)


def _by_first_bytes(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((form for magic, form in _FIRST_BYTES if head.startswith(magic)), None)
