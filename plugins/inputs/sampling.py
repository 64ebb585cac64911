"""Which frames of a clip are taken: times are chosen first, then the frames that are shown at these times."""

import math

import numpy as np
from numpy.typing import NDArray

from multigraft import BadSample, Span
from multigraft.plugins.inputs.options import VideoOptions

ROUNDING = 1e-3
"""Seconds by which a container may round a frame's time (Matroska counts milliseconds)."""


def check_span(span: Span | None) -> None:
    """Look at a span before anything is decoded.

    Raises:
        BadSample: `bad span`.
    """
    if span and not span.start <= span.stop:
        raise BadSample("bad span", f"from {span.start:g} s to {span.stop:g} s")


def sampling_times(
    first: float, last: float, end: float, span: Span | None, options: VideoOptions
) -> NDArray[np.float64]:
    """Times in seconds, not falling, `(frames,)` at most, within both the span and the clip.

    Args:
        first: when the first frame is shown.
        last: when the last frame is first shown.
        end: when the last frame is no longer shown.
        span: stretch of the clip; what of it lies outside the clip is cut off.
        options: how many, and how they are spread.

    Raises:
        BadSample: `empty span`, where nothing of it lies in the clip, or no time in it.
    """
    start, stop = (span.start, span.stop) if span else (first, end)
    if start >= end + ROUNDING or stop < first - ROUNDING:
        raise BadSample("empty span", f"{start:g} s to {stop:g} s; the clip is shown from {first:g} s to {end:g} s")
    start = min(max(start, first), last)
    stop = max(min(stop, end), start)
    if options.sampling == "times":
        return _given(start, stop, options.times)
    if options.sampling == "segments":
        return start + (np.arange(options.frames) + 0.5) * (stop - start) / options.frames
    return _both_ends(start, max(min(stop, last), start), options)


def _given(start: float, stop: float, times: list[float]) -> NDArray[np.float64]:
    inside = start + np.array([time for time in sorted(times) if start + time <= stop + ROUNDING])
    if not len(inside):
        raise BadSample("empty span", f"no time of {min(times):g} s or later in {start:g} s to {stop:g} s")
    return inside


def _both_ends(start: float, stop: float, options: VideoOptions) -> NDArray[np.float64]:
    if options.sampling == "fps":
        count = math.floor((stop - start + ROUNDING) * options.fps) + 1
        if count <= options.frames:
            return start + np.arange(count) / options.fps
    if options.frames == 1:
        return np.array([(start + stop) / 2])
    return np.linspace(start, stop, options.frames)
