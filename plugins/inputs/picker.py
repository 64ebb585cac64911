"""Keeps the frames that are shown at given times, out of frames that come one after the other."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from multigraft import BadSample
from multigraft.plugins.inputs.sampling import ROUNDING

Frame = TypeVar("Frame")
Plan = Callable[[float], NDArray[np.float64]]


class FramePicker(Generic[Frame]):
    """At a time t the latest frame is shown whose own time is not after t; `ROUNDING` counts as not after.

    It holds one decoded frame and the pictures already made. A frame that comes after its turn (times of damaged or
    strangely muxed clips may go back) still takes its place.

    Args:
        plan: sampling times, rising, from the time of the clip's first frame.
        finish: a decoded frame to a picture `(3, height, width)`, of the same size for all.
    """

    def __init__(self, plan: Plan, finish: Callable[[Frame], NDArray[np.uint8]]) -> None:
        self._plan, self._finish = plan, finish
        self._wanted = np.empty(0)
        self._pictures = np.empty(0, np.uint8)
        self._settled = 0
        self._shown: tuple[float, Frame] | None = None

    @property
    def complete(self) -> bool:
        """Whether no further frame is needed."""
        return self._shown is not None and self._settled == len(self._wanted)

    @property
    def next_time(self) -> float:
        """The first sampling time whose frame is not certain yet."""
        return float(self._wanted[self._settled]) + ROUNDING

    def offer(self, time: float, frame: Frame) -> None:
        """Take in the next decoded frame, shown from `time` in seconds on."""
        if self._shown is None:
            self._wanted = self._plan(time)
            self._times = np.full(len(self._wanted), np.nan)
        elif time < self._shown[0]:
            self._take_its_place(time, frame)
            return
        else:
            self._settle(*self._shown, time)
        self._shown = (time, frame)

    def finish(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Pictures `(frames, 3, height, width)` and their own times in seconds, each frame once.

        Raises:
            BadSample: `broken video`, where no frame came.
        """
        if self._shown is None:
            raise BadSample("broken video", "no frame can be decoded")
        self._settle(*self._shown, np.inf)
        firsts = np.flatnonzero(np.diff(self._times, prepend=-np.inf))
        for place, first in enumerate(firsts):  # in place: a copy would need the memory twice
            self._pictures[place] = self._pictures[first]
        return self._pictures[: len(firsts)], self._times[firsts].astype(np.float32)

    def _settle(self, time: float, frame: Frame, until: float) -> None:
        """A frame is the one for all open times before that of the next."""
        stop = max(int(np.searchsorted(self._wanted + ROUNDING, until)), self._settled)
        if stop > self._settled:
            self._put(self._settled, frame)
            self._times[self._settled : stop] = time
            self._settled = stop

    def _take_its_place(self, time: float, frame: Frame) -> None:
        done = slice(0, self._settled)
        better = np.flatnonzero((self._times[done] < time) & (time <= self._wanted[done] + ROUNDING))
        if len(better):
            self._put(int(better[0]), frame)
            self._times[better] = time

    def _put(self, place: int, frame: Frame) -> None:
        picture = self._finish(frame)
        if not self._pictures.size:
            self._pictures = np.empty((len(self._wanted), *picture.shape), np.uint8)
        if picture.shape != self._pictures.shape[1:]:
            raise BadSample("broken video", "its frames change their shape")
        self._pictures[place] = picture
