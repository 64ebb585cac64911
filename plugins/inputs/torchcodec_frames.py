"""Reads the frames of a clip with torchcodec, where it can be trusted.

torchcodec pairs frames with times by a scan of all packets (`seek_mode="exact"`), goes to a frame by its number, and
turns as a rotation tag says, but does not mirror. On MPEG-TS it gives wrong frames without an error.
"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft import Clip, FrameTaker, VideoDecoder, VideoDecoderOptions
from multigraft.plugins.inputs.container import MATROSKA, MP4
from multigraft.plugins.inputs.sampling import ROUNDING

_NO_LIBRARIES = "torchcodec finds no libraries of FFmpeg; `apt install ffmpeg` or `conda install ffmpeg` brings them"


class TorchcodecDecoder(VideoDecoder):
    """Decodes the frames that are wanted alone. torch is imported in the decoding process, which ends if it crashes."""

    def load(self) -> None:
        """Import torch and torchcodec.

        Raises:
            RuntimeError: FFmpeg's libraries are missing.
        """
        if why := trouble():
            raise RuntimeError(why)

    def refusal(self, clip: Clip) -> str:
        """It goes to whatever a container marks as a key frame, and pairs frames with times by counting."""
        if clip.container not in (MP4, MATROSKA):
            return f"the container {clip.container}"
        if clip.skipped or not (len(clip.entries) and clip.entries[0] == clip.times[0] == clip.begin):
            return "it does not begin with a key frame"
        if clip.key_frames != len(clip.entries):
            return "some of its key frames are none"
        return "" if np.all(np.diff(clip.times) > 0) else "two of its frames are shown at one time"

    def decode(self, data: bytes, clip: Clip, taker: FrameTaker) -> str:
        """Offer the frames shown at the sampling times."""
        from torchcodec.decoders import VideoDecoder as Reader

        try:
            reader = Reader(data, dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")
            return _offer(reader, clip, taker)
        except (RuntimeError, ValueError, IndexError) as error:
            return str(error) or "torchcodec fails"


def _offer(reader: Any, clip: Clip, taker: FrameTaker) -> str:
    if len(reader) != len(clip.times):
        return f"{len(reader)} frames, not {len(clip.times)}"
    wanted = taker.wanted(float(clip.times[0]))
    places = np.searchsorted(clip.times, wanted + ROUNDING, "right") - 1
    for place in np.unique(np.maximum(places, 0)).tolist():
        frame, time = reader.get_frame_at(place), float(clip.times[place])
        if abs(frame.pts_seconds - clip.start - time) > ROUNDING or frame.data.shape[:2] != (clip.height, clip.width):
            return "a frame at another time, or of another size"
        taker.offer(time, partial(_pixels, frame.data))
    return ""


def _pixels(frame: Any) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = frame.numpy()
    return pixels


def trouble() -> str:
    """Why torchcodec cannot decode here: it can be installed, and from 0.17 on imported, without FFmpeg's libraries."""
    try:
        import torchcodec
    except (ImportError, OSError, RuntimeError):
        return _NO_LIBRARIES
    return "" if getattr(torchcodec, "ffmpeg_major_version", 0) is not None else _NO_LIBRARIES


def build(options: VideoDecoderOptions) -> VideoDecoder:
    """The decoder."""
    return TorchcodecDecoder()
