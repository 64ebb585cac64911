"""Decodes a clip with PyAV: in order, or by jumps to where decoding can begin; a frame is known by its own time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from multigraft import BadSample, Clip, FrameTaker, VideoDecoder, VideoDecoderOptions
from multigraft.plugins.inputs.container import MATROSKA, MP4
from multigraft.plugins.inputs.display import UPRIGHT, Matrix
from multigraft.plugins.inputs.pyav import opened, time_of

_MATRIX_UNIT = 1 << 16
_WORTH_A_JUMP = 16
"""Frames: a decoder holds back up to so many, which a jump throws away."""
_SEEKABLE = (MP4, MATROSKA)


class PyavDecoder(VideoDecoder):
    """Decodes any clip with PyAV: in order, or by jumps to where decoding can begin."""

    plain_only = False

    def refusal(self, clip: Clip) -> str:
        """None: what it cannot decode, nobody here can."""
        return ""

    def decode(self, data: bytes, clip: Clip, taker: FrameTaker) -> str:
        """Offer the frames.

        Raises:
            BadSample: `broken video`, or what the taker finds.
        """
        no_jumps = replace(clip, entries=np.empty(0))
        try:
            _offer_all(data, clip if clip.container in _SEEKABLE and not clip.hidden else no_jumps, taker)
        except NoEntryError:
            taker.restart()
            _offer_all(data, no_jumps, taker)
        return ""


def build(options: VideoDecoderOptions) -> VideoDecoder:
    """The decoder."""
    return PyavDecoder()


def _offer_all(data: bytes, clip: Clip, taker: FrameTaker) -> None:
    matrices, colours = DisplayMatrices(), partial(VideoReformatter().reformat, format="rgb24", threads=1)
    with opened(data, clip.container, clip.max_pixels) as (container, stream):
        entry = _offer(frames(container, stream, clip), taker, clip, matrices, colours)
        while entry is not None:
            entry = _offer(frames_from(entry, container, stream, clip), taker, clip, matrices, colours)


def _offer(
    shown: Iterator[tuple[float, Any]],
    taker: FrameTaker,
    clip: Clip,
    matrices: "DisplayMatrices",
    colours: Callable[[Any], Any],
) -> float | None:
    """Hand frames over until no more are needed, or until a jump to the returned time saves decoding.

    Where times go back the rest is decoded in order: a jump could lead back to where it came from.
    """
    forwards, last = True, -np.inf
    for time, frame in shown:
        forwards, last = forwards and time >= last, time
        taker.offer(time, partial(_pixels, frame, colours), matrices.of(frame))
        if taker.complete:
            return None
        entry = entry_before(clip, time, taker.next_time) if forwards else None
        if entry is not None:
            return entry
    return None


def _pixels(frame: Any, colours: Callable[[Any], Any]) -> NDArray[np.uint8]:
    """One reformatter for all: each makes a context of FFmpeg's, and threads of its own if it may."""
    pixels: NDArray[np.uint8] = colours(frame).to_ndarray()
    return pixels


def entry_before(clip: Clip, position: float, time: float) -> float | None:
    """Where to go on for the frame shown at `time`, if that saves decoding, from a frame at `position`."""
    place = int(np.searchsorted(clip.entries, time, "right")) - 1
    if place < 0:
        return None
    here, there = np.searchsorted(clip.times, [position, clip.entries[place]])
    return float(clip.entries[place]) if there - here > _WORTH_A_JUMP else None


def is_plain(data: bytes, clip: Clip) -> bool:
    """Whether the first frame of a clip is neither to be turned or mirrored nor interlaced.

    Raises:
        BadSample: `broken video`.
    """
    with opened(data, clip.container, clip.max_pixels) as (container, stream):
        for _, frame in frames(container, stream, clip):
            return _display_matrix(frame) == UPRIGHT and not frame.interlaced_frame
    raise BadSample("broken video", "no frame can be decoded")


class DisplayMatrices:
    """How the frames of one clip are to be turned and mirrored, as `multigraft.plugins.inputs.display` takes it.

    PyAV keeps a frame whose side data was looked at until the garbage collector runs, so each display matrix is read
    once, known by the angle that PyAV gives without side data.
    """

    def __init__(self) -> None:
        self._known: dict[int, Matrix] = {}

    def of(self, frame: Any) -> Matrix:
        """That of a decoded frame."""
        if frame.rotation not in self._known:
            self._known[frame.rotation] = _display_matrix(frame)
        return self._known[frame.rotation]


class NoEntryError(Exception):
    """Decoding does not begin where the packets said it can."""


def frames(container: Any, stream: Any, clip: Clip) -> Iterator[tuple[float, Any]]:
    """All decoded frames with their times, from the first key frame on.

    Raises:
        BadSample: `broken video`.
    """
    return _decoded(_packets_after(clip.skipped, container.demux(stream)), clip, clip.begin, stream.time_base)


def frames_from(entry: float, container: Any, stream: Any, clip: Clip) -> Iterator[tuple[float, Any]]:
    """Decoded frames with their times, from an entry of the clip on.

    Raises:
        NoEntryError: the container does not lead there.
        BadSample: `broken video`.
    """
    unit = stream.time_base
    try:
        container.seek(round((entry + clip.start) / unit), stream=stream)
    except av.FFmpegError:
        raise NoEntryError from None
    begun = False
    for time, frame in _decoded(_packets_from(entry, container.demux(stream), clip, unit), clip, entry, unit):
        if not begun and time > entry:
            raise NoEntryError
        begun |= time == entry
        if begun:
            yield time, frame
    if not begun:
        raise NoEntryError


def _packets_after(skipped: int, packets: Iterator[Any]) -> Iterator[Any]:
    for packet in packets:
        if skipped and packet.size:
            skipped -= 1
        else:
            yield packet


def _packets_from(entry: float, packets: Iterator[Any], clip: Clip, unit: Any) -> Iterator[Any]:
    for packet in packets:
        time = time_of(packet, unit, clip.start)
        if packet.is_keyframe and time == entry:
            yield packet
            break
        if time is None or time > entry:
            raise NoEntryError
    yield from packets


def _decoded(packets: Iterator[Any], clip: Clip, begin: float, unit: Any) -> Iterator[tuple[float, Any]]:
    """Without frames that come before the clip's clock begins: FFmpeg gives those of Matroska no time."""
    timed = False
    for packet in packets:
        for frame in _frames_of(packet, clip, begin, unit):
            time = time_of(frame, unit, clip.start)
            if time is not None:
                timed = True
                yield time, frame
            elif timed:
                raise BadSample("broken video", "a frame has no time")


def _frames_of(packet: Any, clip: Clip, begin: float, unit: Any) -> list[Any]:
    """What a packet brings forth; pictures shown before the one at which decoding begins may fail."""
    try:
        decoded: list[Any] = packet.decode()
    except av.InvalidDataError:
        time = time_of(packet, unit, clip.start)
        if time is not None and time < begin:
            return []
        raise
    return decoded


def _display_matrix(frame: Any) -> Matrix:
    for each in frame.side_data:
        if each.type == Type.DISPLAYMATRIX:
            a, b, _, c, d, *_ = (np.frombuffer(bytes(each), np.int32) / _MATRIX_UNIT).tolist()
            return a, b, c, d
    return UPRIGHT
