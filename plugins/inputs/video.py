"""The `video` input: frames by their real times, through any video decoder."""

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import BadSample, Clip, Input, Media, Preparation, Span, Transform, VideoDecoder, memory_at_most
from multigraft.plugins.inputs.container import container_of
from multigraft.plugins.inputs.display import Matrix, oriented
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.picker import FramePicker
from multigraft.plugins.inputs.resize import resize
from multigraft.plugins.inputs.sampling import check_span, sampling_times

Pictures = tuple[NDArray[np.uint8], NDArray[np.float32]]
_SPARE_BYTES = 128 << 20
_FRAMES_HELD, _PROBED_BYTES, _FRAME_BYTES = 24, 2, 6
"""Frames that a decoder may hold, and the bytes of a pixel: few while the format is not known, then those of the
largest format, 16 bits without subsampling. These bounds end what is out of all proportion; less is taken."""
_EXTRA = "pip install 'multigraft[video]'"


class VideoInput(Input):
    """Frames of a clip, decoded from bytes in memory in a process of its own."""

    kind = "video"
    extensions = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg")
    isolated = True

    def __init__(self, options: VideoOptions, decoder: VideoDecoder) -> None:
        self._options, self._decoder = options, decoder

    def load(self) -> None:
        """What its decoder imports."""
        self._decoder.load()

    def decode(self, data: bytes, preparation: Preparation, span: Span | None) -> Media:
        """Frames `(frames, 3, size, size)` and the times from which they are shown, counted from the clip's start.

        Raises:
            BadSample: `bad span`, `empty file`, `not a video`, `truncated video`, `broken video`, `unknown codec`,
                `no pictures`, `too large`, `too long` or `empty span`.
        """
        assert isinstance(preparation, Transform)
        check_span(span)
        container = container_of(data)
        if find_spec("av") is None:
            raise BadSample("no video decoder", _EXTRA)
        from multigraft.plugins.inputs.pyav import check_clip, probe

        limit = self._options.max_pixels
        with memory_at_most(_SPARE_BYTES + _FRAMES_HELD * limit * _PROBED_BYTES):
            clip = probe(data, container, limit)
        check_clip(clip, self._options.max_seconds)
        plan = partial(self._plan, clip, span)
        samples = self._options.most_frames * 3 * preparation.size**2
        with memory_at_most(_SPARE_BYTES + _FRAMES_HELD * clip.width * clip.height * _FRAME_BYTES + samples):
            picked = self._picked(data, clip, FramePicker(plan, partial(_finished, preparation)))
        return Media(self.kind, self.modality, *picked)

    def _picked(self, data: bytes, clip: Clip, picker: FramePicker) -> Pictures:
        from multigraft.plugins.inputs.pyav_frames import PyavDecoder, is_plain

        decoder = self._decoder
        if not decoder.refusal(clip) and (not decoder.plain_only or is_plain(data, clip)):
            if not decoder.decode(data, clip, picker):
                return picker.finish()
            picker.restart()
        PyavDecoder().decode(data, clip, picker)
        return picker.finish()

    def _plan(self, clip: Clip, span: Span | None, first: float) -> NDArray[np.float64]:
        return sampling_times(first, float(clip.times[-1]), clip.end, span, self._options)

    def compact(self, data: bytes, shorter: int) -> tuple[str, bytes] | None:
        """An mp4 without sound with a key frame every twelve frames."""
        from multigraft.plugins.inputs.reencode import reencode

        return "mp4", reencode(data, shorter, limits=self._options)

    def facts(self, data: bytes) -> Mapping[str, float]:
        """Width, height, seconds and frames a second.

        Raises:
            BadSample: as `decode`, for what is found without decoding.
        """
        container = container_of(data)
        if find_spec("av") is None:
            raise BadSample("no video decoder", _EXTRA)
        from multigraft.plugins.inputs.pyav import header

        limit = self._options.max_pixels
        with memory_at_most(_SPARE_BYTES + _FRAMES_HELD * limit * _PROBED_BYTES):
            return header(data, container, limit)

    def fingerprint(self) -> str:
        """The sampling and a decoder's own pixels; the number counts changes of what comes out."""
        own = self._decoder.fingerprint()
        return f"video/2/{self._sampling()}{own and '/'}{own}"

    def _sampling(self) -> str:
        options = self._options
        if options.sampling == "times":
            return f"times/{','.join(map(repr, sorted(options.times)))}"
        rate = f"/{options.fps:g}" if options.sampling == "fps" else ""
        return f"{options.sampling}{rate}/{options.frames}"


def _finished(transform: Transform, pixels: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """Turned when it is small."""
    return oriented(resize(Image.fromarray(pixels), transform), matrix)


def build(options: VideoOptions, decoder: VideoDecoder) -> Input:
    """The input."""
    return VideoInput(options, decoder)
