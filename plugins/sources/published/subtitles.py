"""Subtitles in the form of VALUE (Li et al. 2021; github.com/VALUE-Leaderboard/DataRelease, DATA.md) and of TVQA.

A line is `{"vid_name", "sub": [{"text", "start", "end"}]}`, with times in seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from multigraft import BadSample, Dropped
from multigraft.plugins.sources.json_rows import json_line_rows
from multigraft.plugins.sources.published.rows import objects_at, text_at
from multigraft.plugins.sources.row import BrokenRow
from multigraft.plugins.sources.values import number_of

Line = tuple[float, float, str]
"""Start and end in seconds, and what is said."""


class Subtitles:
    """What is said in videos, by their names."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Line]] = {}

    def read(self, path: Path) -> Iterator[Dropped]:
        """Take the lines of a file; what of it cannot be used."""
        for row in json_line_rows(path):
            name = f"{path.stem}#{row.number}"
            try:
                if isinstance(row, BrokenRow):
                    raise BadSample("bad subtitles", row.detail)
                self._lines[text_at(row.values, "vid_name")] = [*map(_line, objects_at(row.values, "sub"))]
            except BadSample as error:
                yield Dropped(name, "bad subtitles", error.detail)

    def within(self, video: str, span: Sequence[float] | None) -> str:
        """What is said in a stretch of a video, or in all of it; a line counts where it overlaps the stretch."""
        lines = self._lines.get(video, [])
        if span is not None:
            lines = [line for line in lines if line[0] < span[1] and line[1] > span[0]]
        return " ".join(text for _, _, text in lines if text)


def _line(values: Mapping[str, Any]) -> Line:
    text = values.get("text")
    if not isinstance(text, str):
        raise BadSample("bad subtitles", "a line has no text")
    return number_of(values.get("start")), number_of(values.get("end")), " ".join(text.split())
