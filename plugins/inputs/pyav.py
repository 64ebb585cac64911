"""Reads a clip's header and packets with PyAV, and decodes its frames in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.media import BadSample


@dataclass(frozen=True)
class Clip:
    """What a container says about its first video stream."""

    width: int
    height: int
    codec: str
    times: NDArray[np.float64]
    """`(frames,)`, seconds from the start of the clip, in rising order; without frames that are not to be shown."""
    hidden: bool
    """Whether an edit list hides frames."""


def probe(data: bytes) -> Clip:
    """Read the header and all packets, decoding nothing.

    Raises:
        BadSample: `no pictures`, `broken video` or `truncated video`.
    """
    with _opened(data) as (container, stream):
        times: list[float] = []
        hidden = False
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise BadSample("truncated video", f"packet {len(times)} is cut")
            hidden |= packet.is_discard
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.size and not packet.is_discard:
                times.append(float(stamp * packet.time_base))
        if not times:
            raise BadSample("no pictures", "the video stream holds no frames")
        start = (container.start_time or 0) / av.time_base
        seconds = np.maximum(np.sort(np.array(times)) - start, 0)
        context = stream.codec_context
        return Clip(context.width, context.height, context.name, seconds, hidden)


def decode_frames(data: bytes, clip: Clip, chosen: NDArray[np.intp]) -> list[NDArray[np.uint8]]:
    """The chosen frames, RGB `(height, width, 3)`, turned as the container says.

    Raises:
        BadSample: `broken video` or `truncated video`.
    """
    wanted = set(chosen.tolist())
    frames: list[NDArray[np.uint8]] = []
    with _opened(data) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            if number in wanted:
                picture = frame.to_ndarray(format="rgb24")
                frames.append(np.ascontiguousarray(np.rot90(picture, frame.rotation // 90)))
            if len(frames) == len(wanted):
                return frames
    raise BadSample("truncated video", f"{len(clip.times)} frames announced, fewer decoded")


@contextmanager
def _opened(data: bytes) -> Iterator[tuple[Any, Any]]:
    """The container and its first video stream, closed at the end; FFmpeg's errors become bad samples."""
    try:
        with av.open(BytesIO(data), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise BadSample("no pictures", "sound only")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            yield container, stream
    except (av.FFmpegError, ValueError, IndexError) as error:
        raise BadSample("broken video", str(error)) from None
