"""Scalars as a table."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TextIO

from multigraft import Logger, write_text
from multigraft.plugins.loggers.options import CsvOptions


class CsvLogger(Logger):
    """Appends to `metrics.csv`; a new scalar adds a column at the right, and older rows stay empty there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns, _ = self._read()

    def resume(self, step: int) -> None:
        """Cut away rows after `step`, and a last row that was never finished."""
        if self._path.exists():
            self._columns, rows = self._read()
            self._rewrite(row for row in rows if int(row["step"]) <= step)

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append one row."""
        new = [name for name in ("step", *scalars) if name not in self._columns]
        if new:
            _, rows = self._read()
            self._columns += new
            self._rewrite(rows)
        with self._path.open("a", encoding="utf-8", newline="") as file:
            self._writer(file).writerow({"step": step, **scalars})

    def _read(self) -> tuple[list[str], list[dict[str, str]]]:
        if not self._path.exists():
            return [], []
        *finished, _ = self._path.read_text(encoding="utf-8").split("\n")
        reader = csv.DictReader(finished)
        return list(reader.fieldnames or ()), list(reader)

    def _rewrite(self, rows: Iterable[Mapping[str, str]]) -> None:
        text = io.StringIO()
        writer = self._writer(text)
        writer.writeheader()
        writer.writerows(rows)
        write_text(self._path, text.getvalue())

    def _writer(self, file: TextIO) -> "csv.DictWriter[str]":
        return csv.DictWriter(file, self._columns, lineterminator="\n")


def build(options: CsvOptions, folder: Path) -> CsvLogger:
    """Write to `metrics.csv` in the run folder."""
    return CsvLogger(folder / "metrics.csv")
