"""`motion-jpeg`: clips of cameras that write an avi of JPEGs, each picture by itself, with Pillow."""

from collections.abc import Iterator
from functools import partial
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import Clip, FrameTaker, VideoDecoder
from multigraft_sample.options import MotionJpegOptions

_PICTURE = b"00dc"


class MotionJpeg(VideoDecoder):
    """Every packet is a picture, so those that are not wanted cost nothing."""

    def refusal(self, clip: Clip) -> str:
        """All but motion JPEG in avi."""
        return "" if (clip.container, clip.codec) == ("avi", "mjpeg") else f"{clip.codec} in {clip.container}"

    def decode(self, data: bytes, clip: Clip, taker: FrameTaker) -> str:
        """Offer the pictures with the times of their packets."""
        pictures = list(_pictures(data))
        if len(pictures) != len(clip.times):
            return f"{len(pictures)} pictures, not {len(clip.times)}"
        for time, picture in zip(clip.times, pictures, strict=True):
            taker.offer(float(time), partial(_pixels, picture))
            if taker.complete:
                break
        return ""


def _pictures(data: bytes) -> Iterator[bytes]:
    """The chunks of the list `movi` that hold pictures."""
    place = data.index(b"movi") + 4
    while place + 8 <= len(data) and data[place : place + 4] != b"idx1":
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == _PICTURE:
            yield data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _pixels(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(picture), formats=("JPEG",)) as image:
        return np.array(image.convert("RGB"))


def build(options: MotionJpegOptions) -> MotionJpeg:
    """The decoder of an input."""
    return MotionJpeg()
