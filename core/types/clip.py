"""What is known of a clip before any of its frames is decoded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Clip:
    """What the packets of a container's first video stream say. Times are seconds from the container's start."""

    container: str
    """FFmpeg's name of the demuxer: `mov` (mp4 too), `matroska` (webm too), `avi`, `mpegts` or `mpeg`."""
    width: int
    height: int
    codec: str
    """FFmpeg's name: `h264`, `hevc`, `vp9`, ..."""
    start: float
    """Seconds on the container's own clock that count as 0."""
    times: NDArray[np.float64]
    """`(packets,)`, when each is shown, rising; without those that are hidden or before the first key frame."""
    end: float
    """When the last frame is no longer shown."""
    skipped: int
    """Packets before the first key frame, which cannot be decoded."""
    begin: float
    """Time of the first key frame; minus infinity where it comes before the clip's clock and has none."""
    hidden: bool
    """Whether an edit list hides frames."""
    entries: NDArray[np.float64]
    """Rising times of the frames at which decoding can begin, as far as the codec's own bytes are understood."""
    key_frames: int
    """Packets that the container marks as such; those at which decoding cannot begin are no `entries`."""
    max_pixels: int
    """Width times height of a frame, at most, also where a stream grows in its middle."""
