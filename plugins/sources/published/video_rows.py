"""What the video sets of VALUE have in common: a video by its name, a stretch of it, and what is said there.

A row has `vid_name` and `ts`: `"20.16-25.12"` in sets of questions, `[35.73, 40.9]` in sets of captions, in seconds
(github.com/VALUE-Leaderboard/DataRelease, DATA.md); in TVQA some are `"nan-nan"`.
"""

import math
import re
from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multigraft import Annotation, BadSample, Dropped, OptionError
from multigraft.plugins.sources.mapping import called
from multigraft.plugins.sources.published.options import VideoOptions
from multigraft.plugins.sources.published.rows import RowSource, text_at
from multigraft.plugins.sources.published.subtitles import Subtitles
from multigraft.plugins.sources.values import number_of

Span = tuple[float, float]
_TIMES = re.compile(r"\s*(nan|[0-9.]+)\s*-\s*(nan|[0-9.]+)\s*")


@dataclass(frozen=True)
class Clip:
    """The video of a row."""

    medium: str
    span: Span | None
    """None where it is the whole video."""
    said: str
    """Its subtitles."""


class VideoRows(RowSource, ABC):
    """Rows about videos, which lie beside the first file."""

    _options: VideoOptions

    def __init__(self, options: VideoOptions) -> None:
        super().__init__(options)
        self._subtitles = Subtitles()
        if options.subtitles and not Path(options.subtitles).is_file():
            raise OptionError(("subtitles",), f"{options.subtitles} is not there")

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """As `RowSource`; lines of subtitles that cannot be used come first."""
        if self._options.subtitles:
            yield from self._subtitles.read(Path(self._options.subtitles))
        yield from super().annotations()

    def clip(self, values: Mapping[str, Any]) -> Clip:
        """The clip that a row is about.

        Raises:
            BadSample: `no span`, where none is known and that is not wanted; `bad row`.
        """
        video = text_at(values, "vid_name")
        span = _span(values.get("ts")) if self._options.span == "annotated" else None
        if span is None and self._options.span == "annotated" and self._options.unknown_span == "drop":
            raise BadSample("no span", f"its `ts` is {values.get('ts')!r}; unknown_span=whole takes the whole video")
        return Clip(called(self._options.media_name, video), span, self._subtitles.within(video, span))


def _span(times: Any) -> Span | None:
    """The stretch that `ts` says, or None where it says none.

    Raises:
        BadSample: `bad row`, for what is no stretch.
    """
    if isinstance(times, str):
        found = _TIMES.fullmatch(times)
        times = list(found.groups()) if found else times
    if times is None:
        return None
    if not isinstance(times, list) or len(times) != 2:
        raise BadSample("bad row", f"its `ts` is {times!r}, no start and end")
    start, end = map(number_of, times)
    return None if math.isnan(start) or math.isnan(end) else (start, end)
