"""Reads a clip's header and packets with PyAV."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from multigraft import BadSample, Clip
from multigraft.plugins.inputs.access import begins_anew


def probe(data: bytes, form: str, max_pixels: int) -> Clip:
    """Read all packets of a clip, decoding nothing.

    Args:
        form: FFmpeg's name of the demuxer.
        max_pixels: of a frame.

    Raises:
        BadSample: `no pictures`, `unknown codec`, `broken video` or `truncated video`.
    """
    with opened(data, form, max_pixels) as (container, stream):
        return _clip(container, stream, form, max_pixels)


def header(data: bytes, form: str, max_pixels: int) -> dict[str, float]:
    """What the header of a clip says: `width`, `height`, and where they are known `seconds` and `fps`.

    Raises:
        BadSample: as `probe`, or `too large`.
    """
    with opened(data, form, max_pixels) as (container, stream):
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > max_pixels:
            raise BadSample("too large", f"frames of {width} x {height} pixels, more than {max_pixels}")
        facts = {"width": float(width), "height": float(height)} if width and height else {}
        if stream.duration is not None and stream.time_base:
            facts["seconds"] = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            facts["seconds"] = container.duration / av.time_base
        return facts | ({"fps": float(stream.average_rate)} if stream.average_rate else {})


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


def _clip(container: Any, stream: Any, form: str, max_pixels: int) -> Clip:
    context, start = stream.codec_context, (container.start_time or 0) / av.time_base
    times, entries = list[float](), list[float]()
    skipped, begin, begun, hidden, end, marked = 0, -np.inf, False, False, 0.0, 0
    unit = stream.time_base
    for number, packet in enumerate(each for each in container.demux(stream) if each.size):
        if packet.is_corrupt:
            raise BadSample("truncated video", f"packet {number} is cut")
        time = time_of(packet, unit, start)
        if packet.is_keyframe and not begun:
            skipped, begin, begun = number, -np.inf if time is None else time, True
            times.clear()
        hidden |= packet.is_discard
        if time is None or packet.is_discard:
            continue
        times.append(time)
        marked += packet.is_keyframe
        end = max(end, time + (packet.duration or 0) * unit.numerator / unit.denominator)
        if packet.is_keyframe and begins_anew(context.name, bytes(packet), context.extradata):
            entries.append(time)
    if not times:
        raise BadSample("no pictures", "the video stream holds no frames")
    rising, places = np.sort(np.array(times)), np.sort(np.array(entries))
    return Clip(
        container=form, width=context.width, height=context.height, codec=context.name, start=start, times=rising,
        end=end, skipped=skipped, begin=begin, hidden=hidden, entries=places, key_frames=marked, max_pixels=max_pixels,
    )  # fmt: skip


def check_clip(clip: Clip, max_seconds: float) -> None:
    """Look at what the packets say of a clip before anything is decoded.

    Raises:
        BadSample: `broken video`, `too large` or `too long`.
    """
    pixels, most = clip.width * clip.height, clip.max_pixels
    if not pixels:
        raise BadSample("broken video", f"frames without a size, or of more than {most} pixels")
    if pixels > most:
        raise BadSample("too large", f"frames of {clip.width} x {clip.height} pixels, more than {most}")
    if clip.times[-1] - clip.times[0] > max_seconds:
        raise BadSample("too long", f"{clip.times[-1]:.0f} s, more than {max_seconds:g}")


def time_of(item: Any, unit: Any, start: float) -> float | None:
    """Seconds at which a packet or frame is shown; `unit` is its stream's, which takes long to ask for each time."""
    stamp = item.pts
    if stamp is None:
        stamp = item.dts
    return None if stamp is None else stamp * unit.numerator / unit.denominator - start
