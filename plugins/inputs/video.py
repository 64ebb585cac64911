"""The `video` input: frames by their real times, through decord or PyAV."""

import os
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft.core.data.media import BadSample, Media
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.input import Input, Span
from multigraft.core.interfaces.picture import Transform
from multigraft.plugins.inputs.container import MPEG_TS, container_of
from multigraft.plugins.inputs.options import VideoOptions
from multigraft.plugins.inputs.resize import resize
from multigraft.plugins.inputs.sampling import pick_frames

if TYPE_CHECKING:
    from multigraft.plugins.inputs.pyav import Clip

Frames = list[NDArray[np.uint8]]
_WRONG_IN_DECORD = ("av1", "libdav1d")
_EXTRA = "pip install 'multigraft[video]'"


class VideoInput(Input):
    """Frames of a clip, decoded from bytes in memory in a process of its own."""

    kind = "video"
    extensions = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg")
    isolated = True

    def __init__(self, options: VideoOptions) -> None:
        self._options = options

    def decode(self, data: bytes, transform: Transform, span: Span | None) -> Media:
        """Frames `(frames, 3, size, size)` and their times, counted from the start of the clip.

        Raises:
            BadSample: `empty file`, `not a video`, `truncated video`, `broken video`, `no pictures`, `too large`,
                `too long` or `empty span`.
        """
        container = container_of(data)
        if not _installed("av"):
            raise BadSample("no video decoder", _EXTRA)
        from multigraft.plugins.inputs.pyav import decode_frames, probe

        clip = probe(data)
        self._check(clip)
        chosen = pick_frames(clip.times, span, self._options)
        takes_decord = self._takes_decord(container, clip)
        frames = (takes_decord and _decord_frames(data, clip, chosen)) or decode_frames(data, clip, chosen)
        small = np.stack([resize(Image.fromarray(frame), transform) for frame in frames])
        return Media(self.kind, small, clip.times[chosen].astype(np.float32))

    def _check(self, clip: "Clip") -> None:
        if clip.width * clip.height > self._options.max_pixels:
            size = f"{clip.width} x {clip.height}"
            raise BadSample("too large", f"frames of {size} pixels, more than {self._options.max_pixels}")
        if clip.times[-1] - clip.times[0] > self._options.max_seconds:
            raise BadSample("too long", f"{clip.times[-1]:.0f} s, more than {self._options.max_seconds:g}")

    def _takes_decord(self, container: str, clip: "Clip") -> bool:
        """decord loops for ever on MPEG-TS, counts frames that an edit list hides, and cannot read AV1."""
        if self._options.decoder == "pyav" or not _installed("decord"):
            return False
        return container != MPEG_TS and not clip.hidden and clip.codec not in _WRONG_IN_DECORD

    def fingerprint(self) -> str:
        """The sampling."""
        rate = f"/{self._options.fps:g}" if self._options.sampling == "fps" else ""
        return f"video/1/{self._options.sampling}{rate}/{self._options.frames}"


@cache
def _installed(module: str) -> bool:
    return find_spec(module) is not None


def _decord_frames(data: bytes, clip: "Clip", chosen: NDArray[np.intp]) -> Frames:
    """The chosen frames, or none where decord fails or sees other frames than the container has."""
    os.environ.setdefault("DECORD_EOF_RETRY_MAX", "64")  # read once, when the library loads
    try:
        import decord
    except (ImportError, OSError):
        return []
    try:
        reader = decord.VideoReader(BytesIO(data), ctx=decord.cpu(0), num_threads=1)
        if len(reader) != len(clip.times):
            return []
        return list(reader.get_batch(chosen.tolist()).asnumpy())
    except (decord.DECORDError, RuntimeError):
        return []


def build(options: VideoOptions) -> Input:
    """The input.

    Raises:
        MultigraftError: the recipe asks for decord and it is not installed.
    """
    if options.decoder == "decord" and not _installed("decord"):
        raise MultigraftError(f"input `video`: decord is not installed; {_EXTRA}, or use `decoder: pyav`")
    return VideoInput(options)
