"""Which frames of a clip are taken, by their real times."""

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.media import BadSample
from multigraft.core.interfaces.input import Span
from multigraft.plugins.inputs.options import VideoOptions


def pick_frames(times: NDArray[np.float64], span: Span | None, options: VideoOptions) -> NDArray[np.intp]:
    """Indices into `times` `(frames,)`, seconds in rising order; each index once, so a short clip gives fewer.

    Raises:
        BadSample: `empty span`.
    """
    start, stop = (span.start, span.stop) if span else (times[0], times[-1])
    inside = np.flatnonzero((times >= start) & (times <= stop))
    if not len(inside):
        where = f"frames are at {times[0]:g} s to {times[-1]:g} s"
        raise BadSample("empty span", f"no frame in {start:g} s to {stop:g} s; {where}")
    within = times[inside]
    return inside[np.unique(_nearest(within, _wanted(within[0], within[-1], options)))]


def _wanted(first: float, last: float, options: VideoOptions) -> NDArray[np.float64]:
    if options.sampling == "fps":
        count = int((last - first) * options.fps + 1e-6) + 1
        if count <= options.frames:
            return first + np.arange(count) / options.fps
    if options.frames == 1:
        return np.array([(first + last) / 2])
    return np.linspace(first, last, options.frames)


def _nearest(times: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.intp]:
    right = np.searchsorted(times, wanted).clip(1, max(len(times) - 1, 1))
    left = right - 1
    right = right.clip(max=len(times) - 1)
    return np.where(wanted - times[left] <= times[right] - wanted, left, right)
