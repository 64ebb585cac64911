"""Pieces of the run: a reader's cases by the thousand, the file of each, and the table over all."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = ("tar", "record", "index", "features", "picture", "video")
TOTAL, BLOCK = 100_000, 1000


@dataclass(frozen=True)
class Piece:
    """Some cases of a reader, by their numbers."""

    reader: str
    block: int
    cases: range

    def path(self, folder: Path) -> Path:
        return folder / f"{self.reader}-{self.block}.json"


def every_piece() -> Iterator[Piece]:
    """Block by block, so that the readers keep pace."""
    share, more = divmod(TOTAL, len(NAMES))
    for block in range(-(-(share + 1) // BLOCK)):
        for place, name in enumerate(NAMES):
            first, last = block * BLOCK, min((block + 1) * BLOCK, share + (place < more))
            yield Piece(name, block, range(first, last))


def stored(folder: Path) -> list[dict[str, Any]]:
    """What is there of pieces, in their order."""
    paths = [piece.path(folder) for piece in every_piece()]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def table(pieces: Sequence[dict[str, Any]]) -> str:
    """Cases, findings, slowest case and largest memory by reader; then the findings."""
    done = sum(piece["cases"] for piece in pieces)
    lines = [
        f"{done:,} of {TOTAL:,} cases.", "",
        "| reader | cases | end in values | in an error that says what is wrong | findings | of these still there "
        "| slowest case | s | largest | MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in NAMES:
        own = [piece for piece in pieces if piece["reader"] == name]
        if own:
            lines.append(_row(name, own))
    findings = [finding for piece in pieces for finding in piece["findings"]]
    if findings:
        lines += ["", "| seed | finding | now |", "|---|---|---|"]
        rows = ((each["seed"], each["fault"].replace("|", "/"), each["now"]) for each in findings)
        lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _row(name: str, pieces: Sequence[dict[str, Any]]) -> str:
    ends: Counter[str] = Counter()
    for piece in pieces:
        ends.update(piece["ends"])
    findings = [finding for piece in pieces for finding in piece["findings"]]
    slow = max((piece["slowest"] for piece in pieces), key=lambda each: each["seconds"])
    large = max((piece["largest"] for piece in pieces), key=lambda each: each["bytes"])
    cases, left = sum(piece["cases"] for piece in pieces), sum(each["now"] != "mended" for each in findings)
    return (
        f"| {name} | {cases:,} | {ends['values']:,} | {ends.total() - ends['values']:,} | {len(findings)} | {left} "
        f"| {slow['seed']} | {slow['seconds']:.2f} | {large['seed']} | {large['bytes'] / 2**20:.0f} |"
    )
