"""Clips as mp4s that decode fast: a key frame every twelve frames, none that refers to a later one, small pictures."""

from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from multigraft import BadSample, Clip, MultigraftError
from multigraft.plugins.inputs.container import container_of
from multigraft.plugins.inputs.display import UPRIGHT, Matrix, oriented
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.pyav import check_clip, opened, probe
from multigraft.plugins.inputs.pyav_frames import DisplayMatrices, frames
from multigraft.plugins.inputs.reencode_sound import sound_packets

GOP = 12
_X264 = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:threads=1"
_QUALITY = {"preset": "veryfast", "crf": "18", "tune": "fastdecode", "x264-params": _X264}
_RATE = 30
_ANY_KIND = 0
"""Lets the encoder decide which frames are key frames; a decoded frame says what it was."""
_MUXING = {"fflags": "+bitexact"}
_COLOURS = ("colorspace", "color_range", "color_primaries", "color_trc")


def reencode(data: bytes, shorter: int, sound: bool = False, limits: VideoOptions | None = None) -> bytes:
    """A clip as an mp4: H.264 of 8 bits (yuv420p), all frames at their own times, upright.

    Decoding can begin at every twelfth frame. The same clip gives the same bytes, with the same versions of FFmpeg and
    x264. Times count from 0, where the container began; a first frame that came later is shown from there on. Subtitles
    and further streams are left out.

    Args:
        shorter: pixels of the shorter side, at most; both sides become even. Nothing is made larger.
        sound: whether the first stream of sound is kept, as AAC.
        limits: the largest frame and the longest clip; those of the `video` input if left out.

    Raises:
        BadSample: what the `video` input says of a clip that it cannot read, or `broken video` where times go back.
        MultigraftError: PyAV comes without libx264.
    """
    if "libx264" not in av.codecs_available:
        raise MultigraftError("this build of PyAV has no libx264; pip install a wheel of av")
    limits = limits or VideoOptions(kind="video")
    container = container_of(data)
    clip = probe(data, container, limits.max_pixels)
    check_clip(clip, limits.max_seconds)
    target = BytesIO()
    with opened(data, container, limits.max_pixels) as source, av.open(target, "w", "mp4", options=_MUXING) as muxer:
        packets = _pictures(muxer, frames(*source, clip), source[1], clip, shorter)
        packets += sound_packets(data, container, muxer, clip.start, limits.max_pixels) if sound else []
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            muxer.mux(packet)
    return target.getvalue()


def _pictures(muxer: Any, decoded: Iterator[tuple[float, Any]], stream: Any, clip: Clip, shorter: int) -> list[Any]:
    """Packets of the encoded frames."""
    coder, packets, last = None, list[Any](), -1
    matrices, smaller = DisplayMatrices(), VideoReformatter()
    for _, frame in decoded:
        small = smaller.reformat(frame, *_size(frame, shorter), "yuv420p", interpolation="BICUBIC", threads=1)
        picture = _upright(small, matrices.of(frame))
        coder = coder or _coder(muxer, stream, picture, frame.time_base)
        picture.time_base, picture.pts = frame.time_base, 0 if last < 0 else _stamp(frame, clip)
        picture.pict_type = _ANY_KIND
        if picture.pts <= last:
            raise BadSample("broken video", "the times of its frames go back")
        last = picture.pts
        packets += coder.encode(picture)
    if coder is None:
        raise BadSample("broken video", "no frame can be decoded")
    packets += coder.encode()
    packets[-1].duration = round((clip.end - clip.times[-1]) / packets[-1].time_base)
    return packets


def _coder(muxer: Any, stream: Any, picture: Any, unit: Fraction) -> Any:
    """An output stream for pictures such as the first one."""
    coder = muxer.add_stream("libx264", rate=stream.average_rate or _RATE, options=_QUALITY)
    coder.width, coder.height, coder.pix_fmt = picture.width, picture.height, "yuv420p"
    coder.codec_context.time_base = unit
    for name in _COLOURS:
        setattr(coder.codec_context, name, getattr(picture, name))
    return coder


def _stamp(frame: Any, clip: Clip) -> int:
    """When a frame is shown, in its own units."""
    stamp = frame.dts if frame.pts is None else frame.pts
    return int(stamp - round(clip.start / frame.time_base))


def _size(frame: Any, shorter: int) -> tuple[int, int]:
    """Even sides, the shorter one no longer than wanted, before the frame is turned."""
    least = min(frame.width, frame.height)
    wanted = least if least <= shorter else shorter // 2 * 2
    width, height = (2 * max(1, side * wanted // least // 2) for side in (frame.width, frame.height))
    return width, height


def _upright(picture: Any, matrix: Matrix) -> Any:
    """A picture (yuv420p) as it is to be shown."""
    if matrix == UPRIGHT:
        return picture
    values, area = picture.to_ndarray().reshape(-1), picture.width * picture.height
    light = values[:area].reshape(1, picture.height, picture.width)
    colour = values[area:].reshape(2, picture.height // 2, picture.width // 2)
    turned = oriented(light, matrix), oriented(colour, matrix)
    packed = np.concatenate([each.reshape(-1) for each in turned]).reshape(-1, turned[0].shape[2])
    upright = av.VideoFrame.from_ndarray(packed, format="yuv420p")
    for name in _COLOURS:
        setattr(upright, name, getattr(picture, name))
    return upright
