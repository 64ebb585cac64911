"""VideoDecoder: the frames of a clip.

A component's `build(options) -> VideoDecoder`. An input whose option `decoder` names one is built with it:
`build(options, decoder=VideoDecoder)`. It runs where its input does, mostly in a process of its own: it must be
picklable, and imports what it needs in `load`, torch too.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from multigraft.core.types.clip import Clip

Matrix = tuple[float, float, float, float]
UPRIGHT: Matrix = (1.0, 0.0, 0.0, 1.0)


class FrameTaker(Protocol):
    """Takes frames that it is offered in the order of their times, and keeps those shown at the sampling times.

    At a time t the latest frame is shown whose own time is not after t, to a millisecond.
    """

    def wanted(self, first: float) -> NDArray[np.float64]:
        """The sampling times, which do not fall, of a clip whose first frame is shown at `first`.

        Raises:
            BadSample: there are none.
        """
        ...

    @property
    def complete(self) -> bool:
        """Whether no further frame is needed."""
        ...

    @property
    def next_time(self) -> float:
        """The first sampling time whose frame is not certain yet; ask when a frame was offered."""
        ...

    def offer(self, time: float, frame: Callable[[], NDArray[np.uint8]], matrix: Matrix = UPRIGHT) -> None:
        """Take in the next frame, shown from `time` on.

        Args:
            time: seconds from the container's start, the frame's own.
            frame: gives its pixels, RGB `(height, width, 3)`; called only if it is kept.
            matrix: how these are still to be turned and mirrored, a, b, c, d of ISO/IEC 14496-12, section 6.2.2: a
                point (x, y) is shown at (a x + c y, b x + d y), x to the right, y down.
        """
        ...

    def restart(self) -> None:
        """Forget what was offered: decoding begins anew."""
        ...


class VideoDecoder(ABC):
    """Decodes clips whose container and packets were looked at before."""

    plain_only = True
    """Whether it is asked only for clips that are neither turned nor mirrored nor interlaced."""

    def load(self) -> None:
        """Import what decoding needs; called once, in the process that decodes, before its memory is bounded."""
        return

    @abstractmethod
    def refusal(self, clip: Clip) -> str:
        """Why it is not to be believed with a clip, in a few words; empty where it is. PyAV reads what it refuses."""

    @abstractmethod
    def decode(self, data: bytes, clip: Clip, taker: FrameTaker) -> str:
        """Offer frames in the order of their times until the taker is complete or the clip ends.

        Those that are shown at the sampling times must be among them; others may be left out.

        Returns:
            What makes this decoder doubtful here after all, such as other frames than the packets promised; PyAV then
            begins anew. Empty where all went well.

        Raises:
            BadSample: with a short reason, for what is wrong with the bytes.
        """

    def fingerprint(self) -> str:
        """What makes its frames others than FFmpeg's, in one short text; part of the key of stored features.
        Empty where they are the same to rounding."""
        return ""
