"""Scalars as JSON lines."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from multigraft import Logger, write_text
from multigraft.plugins.loggers.options import JsonLinesOptions


class JsonLinesLogger(Logger):
    """Appends to `metrics.jsonl`. Infinite and undefined values become the texts `inf`, `-inf`, `nan`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def resume(self, step: int) -> None:
        """Cut away rows after `step`, and a last line that was never finished."""
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8").splitlines()
            write_text(self._path, "".join(f"{line}\n" for line in lines if _is_kept(line, step)))

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append one line."""
        row = {"step": step} | {name: value if math.isfinite(value) else str(value) for name, value in scalars.items()}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")


def _is_kept(line: str, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] <= step)
    except ValueError:
        return False


def build(options: JsonLinesOptions, folder: Path) -> JsonLinesLogger:
    """Write to `metrics.jsonl` in the run folder."""
    return JsonLinesLogger(folder / "metrics.jsonl")
