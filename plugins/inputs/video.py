"""The `video` input: frames by their real times, through decord or PyAV."""

from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import BadSample, Input, Media, MultigraftError, Preparation, Span, Transform, memory_at_most
from multigraft.plugins.inputs.container import container_of
from multigraft.plugins.inputs.decord_frames import DistrustError, decord_frames, is_installed, is_trusted
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.picker import FramePicker
from multigraft.plugins.inputs.resize import resize
from multigraft.plugins.inputs.sampling import check_span, sampling_times

if TYPE_CHECKING:
    from multigraft.plugins.inputs.pyav import Clip

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

    def __init__(self, options: VideoOptions) -> None:
        self._options = options

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
        from multigraft.plugins.inputs.pyav import check_clip, opened, probe
        from multigraft.plugins.inputs.pyav_frames import FrameFinisher, is_plain, pick_with_pyav

        limit = self._options.max_pixels
        with (
            memory_at_most(_SPARE_BYTES + _FRAMES_HELD * limit * _PROBED_BYTES),
            opened(data, container, limit) as source,
        ):
            clip = probe(*source)
        check_clip(clip, limit, self._options.max_seconds)
        plan = partial(self._plan, clip, span)
        samples = self._options.most_frames * 3 * preparation.size**2
        with memory_at_most(_SPARE_BYTES + _FRAMES_HELD * clip.width * clip.height * _FRAME_BYTES + samples):
            picked = None
            if self._takes_decord(container, clip) and is_plain(data, container, limit, clip):
                picked = _by_decord(data, clip, FramePicker(plan, partial(_finished, preparation)))
            if picked is None:
                picker = partial(FramePicker, plan, FrameFinisher(preparation))
                picked = pick_with_pyav(data, container, limit, clip, picker)
        return Media(self.kind, self.modality, *picked)

    def _plan(self, clip: "Clip", span: Span | None, first: float) -> NDArray[np.float64]:
        return sampling_times(first, float(clip.times[-1]), clip.end, span, self._options)

    def _takes_decord(self, container: str, clip: "Clip") -> bool:
        return self._options.decoder != "pyav" and is_installed() and is_trusted(container, clip)

    def fingerprint(self) -> str:
        """The sampling; the number counts changes of what comes out."""
        options = self._options
        if options.sampling == "times":
            return f"video/2/times/{','.join(map(repr, sorted(options.times)))}"
        rate = f"/{options.fps:g}" if options.sampling == "fps" else ""
        return f"video/2/{options.sampling}{rate}/{options.frames}"


def _by_decord(data: bytes, clip: "Clip", picker: FramePicker[NDArray[np.uint8]]) -> Pictures | None:
    """What decord gives, or nothing where it is not to be believed."""
    try:
        for time, frame in decord_frames(data, clip):
            picker.offer(time, frame)
    except DistrustError:
        return None
    return picker.finish()


def _finished(transform: Transform, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return resize(Image.fromarray(frame), transform)


def build(options: VideoOptions) -> Input:
    """The input.

    Raises:
        MultigraftError: the recipe asks for decord and it is not installed.
    """
    if options.decoder == "decord" and not is_installed():
        raise MultigraftError(f"input `video`: decord is not installed; {_EXTRA}, or use `decoder: pyav`")
    return VideoInput(options)
