"""Reads a clip's header and packets with PyAV."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from multigraft import BadSample
from multigraft.plugins.inputs.access import begins_anew

_WORTH_A_JUMP = 16
"""Frames: a decoder holds back up to so many, which a jump throws away."""


@dataclass(frozen=True)
class Clip:
    """What the packets of a container's first video stream say. Times are seconds from the container's start."""

    width: int
    height: int
    codec: str
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
    """Rising times of the frames at which decoding can begin."""

    def entry_before(self, position: float, time: float) -> float | None:
        """Where to go on for the frame shown at `time`, if that saves decoding, from a frame at `position`."""
        place = int(np.searchsorted(self.entries, time, "right")) - 1
        if place < 0:
            return None
        here, there = np.searchsorted(self.times, [position, self.entries[place]])
        return float(self.entries[place]) if there - here > _WORTH_A_JUMP else None


@contextmanager
def opened(data: bytes, form: str, max_pixels: int) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream, closed at the end; FFmpeg's errors become bad samples or MemoryErrors.

    FFmpeg itself refuses frames of more than `max_pixels`, also where a stream grows in its middle.
    """
    limit = {"max_pixels": str(max_pixels)}
    try:
        with av.open(BytesIO(data), format=form, options=limit, metadata_errors="ignore") as container:
            streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
            if not streams:
                raise BadSample("no pictures", "no video stream")
            if streams[0].codec_context is None:
                raise BadSample("unknown codec", "FFmpeg has no decoder for it")
            streams[0].codec_context.thread_count = 1
            streams[0].codec_context.options = limit
            yield container, streams[0]
    except (av.FFmpegError, ValueError, IndexError) as error:
        if isinstance(error, av.FFmpegError) and error.errno == errno.ENOMEM:
            raise MemoryError(str(error)) from None
        raise BadSample("broken video", str(error)) from None


def probe(container: Any, stream: Any) -> Clip:
    """Read all packets, decoding nothing.

    Raises:
        BadSample: `no pictures` or `truncated video`.
    """
    context, start = stream.codec_context, (container.start_time or 0) / av.time_base
    times, entries = list[float](), list[float]()
    skipped, begin, begun, hidden, end = 0, -np.inf, False, False, 0.0
    for number, packet in enumerate(each for each in container.demux(stream) if each.size):
        if packet.is_corrupt:
            raise BadSample("truncated video", f"packet {number} is cut")
        time = time_of(packet, start)
        if packet.is_keyframe and not begun:
            skipped, begin, begun = number, -np.inf if time is None else time, True
            times.clear()
        hidden |= packet.is_discard
        if time is None or packet.is_discard:
            continue
        times.append(time)
        end = max(end, time + float((packet.duration or 0) * packet.time_base))
        if packet.is_keyframe and begins_anew(context.name, bytes(packet), context.extradata):
            entries.append(time)
    if not times:
        raise BadSample("no pictures", "the video stream holds no frames")
    rising, places = np.sort(np.array(times)), np.sort(np.array(entries))
    return Clip(context.width, context.height, context.name, start, rising, end, skipped, begin, hidden, places)


def check_clip(clip: Clip, max_pixels: int, max_seconds: float) -> None:
    """Look at what the packets say of a clip before anything is decoded.

    Raises:
        BadSample: `broken video`, `too large` or `too long`.
    """
    pixels = clip.width * clip.height
    if not pixels:
        raise BadSample("broken video", f"frames without a size, or of more than {max_pixels} pixels")
    if pixels > max_pixels:
        raise BadSample("too large", f"frames of {clip.width} x {clip.height} pixels, more than {max_pixels}")
    if clip.times[-1] - clip.times[0] > max_seconds:
        raise BadSample("too long", f"{clip.times[-1]:.0f} s, more than {max_seconds:g}")


def time_of(item: Any, start: float) -> float | None:
    """Seconds at which a packet or frame is shown."""
    stamp = item.pts if item.pts is not None else item.dts
    return None if stamp is None else float(stamp * item.time_base) - start
