"""Reads the frames of a clip with decord, where it can be trusted.

decord pairs frames with times by counting, seeks to whatever a container marks as a key frame, and decodes ahead to the
end. It is right for a clip of which each packet is one frame that can be decoded, read in order from its beginning.
"""

import os
from functools import cache, partial
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np

from multigraft import Clip, FrameTaker, VideoDecoder, VideoDecoderOptions
from multigraft.plugins.inputs.container import MP4
from multigraft.plugins.inputs.sampling import ROUNDING

_CODECS = ("h264", "hevc", "mpeg4", "vp9")
_MOST_BYTES = 32 << 20


@cache
def is_installed() -> bool:
    """Whether decord can be imported; it has wheels for x86-64 Linux and Windows only."""
    return find_spec("decord") is not None


class DecordDecoder(VideoDecoder):
    """Decodes clips of which it is known that decord gives the right frames, in no more memory than a clip may take."""

    def refusal(self, clip: Clip) -> str:
        """It loops for ever on MPEG-TS, counts frames that an edit list hides and such as cannot be decoded, cannot
        read AV1, and decodes ahead to the end."""
        if clip.container != MP4 or clip.codec not in _CODECS:
            return f"{clip.codec} in {clip.container}"
        if clip.hidden or clip.skipped or clip.start != 0:
            return "it does not begin with a key frame at time 0"
        if not (len(clip.entries) and clip.entries[0] == clip.times[0] == clip.begin):
            return "its first key frame is none"
        if not np.all(np.diff(clip.times) > 0):
            return "two of its frames are shown at one time"
        return "it is large" if clip.width * clip.height * 3 * len(clip.times) > _MOST_BYTES else ""

    def decode(self, data: bytes, clip: Clip, taker: FrameTaker) -> str:
        """Offer all frames."""
        os.environ.setdefault("DECORD_EOF_RETRY_MAX", "64")  # read once, when the library loads
        try:
            import decord
        except (ImportError, OSError) as error:
            return str(error)
        try:
            return _offer(decord.VideoReader(BytesIO(data), ctx=decord.cpu(0), num_threads=1), clip, taker)
        except (decord.DECORDError, RuntimeError, StopIteration) as error:
            return str(error) or "decord fails"


def _offer(reader: Any, clip: Clip, taker: FrameTaker) -> str:
    if len(reader) != len(clip.times):
        return f"{len(reader)} frames, not {len(clip.times)}"
    stamps = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0]
    if not np.allclose(stamps, clip.times, rtol=0, atol=ROUNDING):
        return "other times"
    before = np.empty(0)
    for time in clip.times:
        frame = reader.next().asnumpy()
        if frame.shape != (clip.height, clip.width, 3) or np.array_equal(frame, before):
            return "a frame of another size, or one again in place of one that is missing"
        before = frame
        taker.offer(float(time), partial(np.asarray, frame))
    return ""


def build(options: VideoDecoderOptions) -> VideoDecoder:
    """The decoder."""
    return DecordDecoder()
