"""What memory decoding a picture takes, from its header alone."""

import struct
from collections.abc import Iterator

from PIL import Image

_BESIDE = 32 << 20
"""Beside all pixels: those of a stretch on their way."""
_OF_LONGER_SIDE = 256
"""Bytes for each of the longer side: what is held between the steps of resizing, and what the allocator keeps of it."""
_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2}
"""Bytes that Pillow holds for a pixel; 4 in other modes."""
_GREY_JPEG = 3
"""simplejpeg makes colours of it at once."""
_WEBP = 16
"""Pillow's decoder holds two canvases with alpha, gives a copy of one, and that becomes a picture."""
_MASK = 1
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_SCAN = 0xDA
_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers without a length."""
_BLOCK, _COEFFICIENT = 8, 2


def cost_of(image: Image.Image, data: bytes) -> int:
    """Bytes at the peak of decoding an opened picture and resizing it to what encoders read.

    A JPEG of several scans is held as coefficients beside its pixels.
    """
    pixel = _OF_MODE.get(image.mode, 4)
    if image.format == "WEBP":
        pixel = _WEBP
    elif image.format == "PNG":
        pixel += _MASK if "transparency" in image.info else 0
    else:
        pixel = max(pixel, _GREY_JPEG)
    coefficients = 0 if image.format in ("PNG", "WEBP") else _coefficients(data)
    pixels = pixel * image.width * image.height + _OF_LONGER_SIDE * max(image.size)
    return pixels + coefficients + _BESIDE


def _coefficients(data: bytes) -> int:
    """Bytes of a JPEG's coefficients where all are held at once; 0 where they are not, or its header is damaged."""
    frame, several = b"", False
    for marker, content in _segments(data):
        if marker in _FRAMES and len(content) >= 6:
            frame, several = content, marker in _PROGRESSIVE
        elif marker == _SCAN and frame and content:
            return _held(frame) if several or content[0] < frame[5] else 0
    return 0


def _held(frame: bytes) -> int:
    height, width, count = struct.unpack(">HHB", frame[1:6])
    factors = [(each >> 4, each & 15) for each in frame[7 : 6 + 3 * count : 3]]
    if len(factors) < count or not all(across and down for across, down in factors):
        return 0
    most_across, most_down = (max(each) for each in zip(*factors, strict=True))
    units = -(-width // (_BLOCK * most_across)) * -(-height // (_BLOCK * most_down))
    blocks: int = sum(across * down for across, down in factors) * units
    return blocks * _BLOCK * _BLOCK * _COEFFICIENT


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers of a JPEG up to its first scan, and what follows their lengths."""
    place = data.find(b"\xff")
    while 0 <= place < len(data) - 1:
        marker = data[place + 1]
        if marker in (0x00, 0xFF, *_ALONE):
            place = data.find(b"\xff", place + (1 if marker == 0xFF else 2))
            continue
        length = int.from_bytes(data[place + 2 : place + 4])
        yield marker, data[place + 4 : place + 2 + max(2, length)]
        if marker == _SCAN:
            return
        place = data.find(b"\xff", place + 2 + length)
