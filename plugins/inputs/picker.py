"""Keeps the frames that are shown at given times, out of frames that come one after the other."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from multigraft import BadSample
from multigraft.plugins.inputs.display import UPRIGHT, Matrix
from multigraft.plugins.inputs.sampling import ROUNDING

Plan = Callable[[float], NDArray[np.float64]]
Pixels = Callable[[], NDArray[np.uint8]]


class FramePicker:
    """At a time t the latest frame is shown whose own time is not after t; `ROUNDING` counts as not after.

    It holds one decoded frame and the pictures already made. A frame that comes after its turn (times of damaged or
    strangely muxed clips may go back) still takes its place. Decoders see it as `multigraft.FrameTaker`.

    Args:
        plan: sampling times, rising, from the time of the clip's first frame.
        finish: pixels `(height, width, 3)` and how they are to be turned, to a picture `(3, height, width)`, of the
            same size for all.
    """

    def __init__(self, plan: Plan, finish: Callable[[NDArray[np.uint8], Matrix], NDArray[np.uint8]]) -> None:
        self._plan, self._finish = plan, finish
        self.restart()

    def restart(self) -> None:
        """Forget what was offered."""
        self._wanted = np.empty(0)
        self._pictures = np.empty(0, np.uint8)
        self._settled = 0
        self._shown: tuple[float, Pixels, Matrix] | None = None

    def wanted(self, first: float) -> NDArray[np.float64]:
        """The sampling times of a clip whose first frame is shown at `first`."""
        return self._plan(first)

    @property
    def complete(self) -> bool:
        """Whether no further frame is needed."""
        return self._shown is not None and self._settled == len(self._wanted)

    @property
    def next_time(self) -> float:
        """The first sampling time whose frame is not certain yet."""
        return float(self._wanted[self._settled]) + ROUNDING

    def offer(self, time: float, frame: Pixels, matrix: Matrix = UPRIGHT) -> None:
        """Take in the next decoded frame, shown from `time` in seconds on."""
        if self._shown is None:
            self._wanted = self._plan(time)
            self._times = np.full(len(self._wanted), np.nan)
        elif time < self._shown[0]:
            self._take_its_place(time, frame, matrix)
            return
        else:
            self._settle(*self._shown, time)
        self._shown = (time, frame, matrix)

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

    def _settle(self, time: float, frame: Pixels, matrix: Matrix, until: float) -> None:
        """A frame is the one for all open times before that of the next."""
        stop = max(int(np.searchsorted(self._wanted + ROUNDING, until)), self._settled)
        if stop > self._settled:
            self._put(self._settled, frame, matrix)
            self._times[self._settled : stop] = time
            self._settled = stop

    def _take_its_place(self, time: float, frame: Pixels, matrix: Matrix) -> None:
        done = slice(0, self._settled)
        better = np.flatnonzero((self._times[done] < time) & (time <= self._wanted[done] + ROUNDING))
        if len(better):
            self._put(int(better[0]), frame, matrix)
            self._times[better] = time

    def _put(self, place: int, frame: Pixels, matrix: Matrix) -> None:
        picture = self._finish(frame(), matrix)
        if not self._pictures.size:
            self._pictures = np.empty((len(self._wanted), *picture.shape), np.uint8)
        if picture.shape != self._pictures.shape[1:]:
            raise BadSample("broken video", "its frames change their shape")
        self._pictures[place] = picture
