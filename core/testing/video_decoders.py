"""Whether a video decoder keeps its contract: it can be pickled, and offers the frames of clips at their times."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft.core.interfaces.video_decoder import UPRIGHT, Matrix, VideoDecoder
from multigraft.core.options.video_decoder_options import VideoDecoderOptions
from multigraft.core.testing.copies import copied
from multigraft.core.types.clip import Clip

_CLIPS = (("mov", "mp4", "libx264", "yuv420p"), ("avi", "avi", "mjpeg", "yuvj420p"))
"""FFmpeg's name of the container, its muxer, the encoder and its pixels."""
_FRAMES, _RATE, _WIDTH, _HEIGHT = 6, 10, 64, 48
_GREYS = [20 + 40 * number for number in range(_FRAMES)]
_WANTED, _SHOWN = (0.0, 0.25, 0.5), (0, 2, 5)
_LEVELS = 8
_NEAR = 1e-3


def wrong_video_decoder(build: Any, options: VideoDecoderOptions) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options; without PyAV nothing is decoded."""
    made = build(options)
    if not isinstance(made, VideoDecoder):
        yield f"`build` gives {type(made).__name__}, no VideoDecoder"
        return
    again, wrong = copied(made, build(options))
    yield from wrong
    if again is None or find_spec("av") is None:
        return
    again.load()
    for form, muxer, codec, pixels in _CLIPS:
        data, clip = _clip(form, muxer, codec, pixels)
        if not again.refusal(clip):
            yield from (f"of {clip.codec} in {muxer} {line}" for line in _wrong_frames(again, data, clip))


def _clip(form: str, muxer: str, codec: str, pixels: str) -> tuple[bytes, Clip]:
    """A clip of greys, each shown for a tenth of a second."""
    import av

    stream = BytesIO()
    with av.open(stream, "w", format=muxer) as container:
        video = container.add_stream(codec, rate=_RATE, options={"bf": "0", "qscale": "1"})
        video.width, video.height, video.pix_fmt = _WIDTH, _HEIGHT, pixels
        for grey in _GREYS:
            picture = np.full((_HEIGHT, _WIDTH, 3), grey, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
    all_key, times = codec == "mjpeg", np.arange(_FRAMES) / _RATE
    return stream.getvalue(), Clip(
        container=form, width=_WIDTH, height=_HEIGHT, codec="mjpeg" if all_key else "h264", start=0.0, times=times,
        end=_FRAMES / _RATE, skipped=0, begin=0.0, hidden=False, entries=times[:0] if all_key else times[:1],
        key_frames=_FRAMES if all_key else 1, max_pixels=_WIDTH * _HEIGHT,
    )  # fmt: skip


class _Taker:
    """Keeps all that it is offered."""

    def __init__(self) -> None:
        self.restart()

    def wanted(self, first: float) -> NDArray[np.float64]:
        return first + np.array(_WANTED)

    @property
    def complete(self) -> bool:
        return bool(self.times) and self.times[-1] > _WANTED[-1]

    @property
    def next_time(self) -> float:
        return next(time for time in _WANTED if time >= self.times[-1] - _NEAR)

    def offer(self, time: float, frame: Callable[[], NDArray[np.uint8]], matrix: Matrix = UPRIGHT) -> None:
        self.times.append(time)
        self.frames.append(frame())

    def restart(self) -> None:
        self.times, self.frames = list[float](), list[NDArray[np.uint8]]()


def _wrong_frames(made: VideoDecoder, data: bytes, clip: Clip) -> Iterator[str]:
    taker = _Taker()
    said = made.decode(data, clip, taker)
    if not isinstance(said, str):
        yield f"`decode` gives {type(said).__name__}, no text"
    if said or not taker.times:
        yield f"it refuses nothing and gives no frames: {said}"
        return
    if sorted(taker.times) != taker.times:
        yield f"its frames come in the order {taker.times} s"
    for wanted, number in zip(_WANTED, _SHOWN, strict=True):
        place = int(np.searchsorted(taker.times, wanted + _NEAR, "right")) - 1
        yield from _wrong_frame(taker.frames[max(place, 0)], taker.times[max(place, 0)], number)


def _wrong_frame(frame: NDArray[np.uint8], time: float, number: int) -> Iterator[str]:
    expected = (_HEIGHT, _WIDTH, 3)
    if frame.shape != expected or frame.dtype != np.uint8:
        yield f"frames are {frame.shape} {frame.dtype}, no {expected} uint8"
    elif abs(time - number / _RATE) > _NEAR or np.abs(frame.astype(int) - _GREYS[number]).max() > _LEVELS:
        yield f"the frame at {time:g} s is not frame {number}, shown from {number / _RATE:g} s"
