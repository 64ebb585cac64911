"""What the headers of pictures and clips say, without decoding any of them."""

import io
import os
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from PIL import Image

from multigraft.core.data.open_file import OpenFile

CLIPS_ARE_READ = find_spec("av") is not None
"""Whether PyAV is there, which reads the headers of clips."""
_FAULTS = (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, Image.DecompressionBombError)
"""What Pillow and PyAV raise over damaged files."""


@dataclass(frozen=True)
class Header:
    """What a header says; None where it says nothing. Sizes are as stored, before any turning by tags."""

    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    fps: float | None = None


class Stretch(io.RawIOBase):
    """A stretch of an open file, as a file of its own."""

    def __init__(self, file: OpenFile, offset: int, size: int) -> None:
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As files do."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        """As files do."""
        data = self._file.read(self._offset + self._at, max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def picture_header(stretch: Stretch) -> Header:
    """The size of a picture.

    Raises:
        ValueError: it has no header of a picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BufferedReader(stretch, 1 << 16)) as picture:
                return Header(picture.width, picture.height)
    except _FAULTS as error:
        raise ValueError(f"no header of a picture: {type(error).__name__}") from None


def clip_header(stretch: Stretch) -> Header:
    """Size, length and frame rate of a clip's first video stream.

    Raises:
        ValueError: it has no header of a clip.
    """
    import av

    try:
        with av.open(io.BufferedReader(stretch, 1 << 16), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            own = None if stream.duration is None else float(stream.duration * stream.time_base)
            whole = None if container.duration is None else container.duration / av.time_base
            fps = float(stream.average_rate) if stream.average_rate else None
            return Header(stream.width, stream.height, own if own is not None else whole, fps)
    except _FAULTS as error:
        raise ValueError(f"no header of a clip: {type(error).__name__}") from None
