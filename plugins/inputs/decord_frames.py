"""Reads the frames of a clip with decord, where it can be trusted.

decord pairs frames with times by counting, seeks to whatever a container marks as a key frame, and decodes ahead to the
end. It is right for a clip of which each packet is one frame that can be decoded, read in order from its beginning.
"""

import os
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from multigraft.plugins.inputs.container import MP4
from multigraft.plugins.inputs.sampling import ROUNDING

if TYPE_CHECKING:
    from multigraft.plugins.inputs.pyav import Clip

_CODECS = ("h264", "hevc", "mpeg4", "vp9")
_MOST_BYTES = 32 << 20


@cache
def is_installed() -> bool:
    """Whether decord can be imported; it has wheels for x86-64 Linux and Windows only."""
    return find_spec("decord") is not None


def is_trusted(container: str, clip: "Clip") -> bool:
    """Whether decord gives the right frames, in no more memory than a clip may take.

    It loops for ever on MPEG-TS, counts frames that an edit list hides and such as cannot be decoded, cannot read AV1.
    """
    whole = container == MP4 and not clip.hidden and not clip.skipped and clip.start == 0
    begins = len(clip.entries) > 0 and clip.entries[0] == clip.times[0] == clip.begin
    apart = bool(np.all(np.diff(clip.times) > 0))
    fits = clip.width * clip.height * 3 * len(clip.times) <= _MOST_BYTES
    return whole and begins and apart and fits and clip.codec in _CODECS


def decord_frames(data: bytes, clip: "Clip") -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """All frames, RGB `(height, width, 3)`, with their times.

    Raises:
        DistrustError: decord fails, or sees other frames or times than the container has.
    """
    os.environ.setdefault("DECORD_EOF_RETRY_MAX", "64")  # read once, when the library loads
    try:
        import decord
    except (ImportError, OSError) as error:
        raise DistrustError(str(error)) from None
    try:
        reader = decord.VideoReader(BytesIO(data), ctx=decord.cpu(0), num_threads=1)
        if len(reader) != len(clip.times):
            raise DistrustError(f"{len(reader)} frames, not {len(clip.times)}")
        stamps = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0]
        if not np.allclose(stamps, clip.times, rtol=0, atol=ROUNDING):
            raise DistrustError("other times")
        before = np.empty(0)
        for time in clip.times:
            frame = reader.next().asnumpy()
            if frame.shape != (clip.height, clip.width, 3) or np.array_equal(frame, before):
                raise DistrustError("a frame of another size, or one again in place of one that is missing")
            before = frame
            yield float(time), frame
    except (decord.DECORDError, RuntimeError, StopIteration) as error:
        raise DistrustError(str(error)) from None


class DistrustError(Exception):
    """decord cannot be trusted with a clip."""
