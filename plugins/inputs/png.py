"""What Pillow does not tell of a PNG: the transparent value of one without an alpha channel, at the file's own depth,
and colours that its palette lacks.

Pillow gives keys of 2 and 4 bits in other units than its pixels, cannot convert grey of 16 bits, keeps 8 bits of a
colour of 16, and takes some palettes that end in a faint entry for opaque ones; so the chunk is read here.
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import takewhile

import numpy as np
from PIL import Image, ImageChops

_SIGNATURE = 8
_LOW_BYTES = "RGB;16L"
"""Takes the second byte of each pair for the high one: read so, a PNG gives its low bytes."""


def transparent_value(data: bytes) -> tuple[int, bytes] | None:
    """Bits of a sample, and the content of the chunk tRNS; None if there is none before the pixels."""
    header = _header(data)
    return (header[b"IHDR"][8], header[b"tRNS"]) if b"tRNS" in header else None


def check_palette(image: Image.Image, data: bytes) -> None:
    """Compare a loaded picture of mode `P` with its palette: Pillow shows what is not in it as black.

    Raises:
        ValueError: a pixel has a colour that the palette lacks.
    """
    colours, highest = len(_header(data).get(b"PLTE", b"")) // 3, int(image.getextrema()[1])  # type: ignore[arg-type]
    if highest >= colours:
        raise ValueError(f"it uses colour {highest} of a palette of {colours}")


def visible(image: Image.Image, depth: int, value: bytes, data: bytes) -> Image.Image:
    """A mask of a loaded picture, mode `L`: 255 where it is seen, 0 where its value is the transparent one.

    Raises:
        ValueError: the value is cut short.
    """
    if image.mode == "P":
        return image.point(list(value[:256].ljust(256, b"\xff")), "L")
    keys = [
        each & ((1 << depth) - 1)
        for each in struct.unpack(">HHH" if image.mode == "RGB" else ">H", _whole(image, value))
    ]
    if image.mode == "I;16":
        return Image.fromarray(np.where(np.asarray(image) == keys[0], np.uint8(0), np.uint8(255)))
    if depth == 16:
        return _unlike_colour(image, [key >> 8 for key in keys], _low_bytes(data), [key & 255 for key in keys])
    grey = image.convert("L") if image.mode == "1" else image
    return _unlike(grey, [key * (255 // ((1 << depth) - 1)) for key in keys])


def _whole(image: Image.Image, value: bytes) -> bytes:
    length = 6 if image.mode == "RGB" else 2
    if len(value) < length:
        raise ValueError("its chunk tRNS is truncated")
    return value[:length]


def _unlike_colour(high: Image.Image, high_keys: list[int], low: Image.Image, low_keys: list[int]) -> Image.Image:
    return ImageChops.lighter(_unlike(high, high_keys), _unlike(low, low_keys))


def _unlike(image: Image.Image, keys: list[int]) -> Image.Image:
    """255 where any band differs from its key."""
    masks = [
        image.getchannel(band).point([0 if value == key else 255 for value in range(256)], "L")
        for band, key in enumerate(keys)
    ]
    mask = masks[0]
    for other in masks[1:]:
        mask = ImageChops.lighter(mask, other)
    return mask


def _low_bytes(data: bytes) -> Image.Image:
    """The low bytes of a picture of 16 bits a colour, as another picture."""
    image = Image.open(BytesIO(data), formats=("PNG",))
    image.tile = [tile._replace(args=_LOW_BYTES) for tile in image.tile]
    image.load()
    return image


def _header(data: bytes) -> dict[bytes, bytes]:
    """Chunks before the pixels, by name."""
    return dict(takewhile(lambda each: each[0] != b"IDAT", _chunks(data)))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = _SIGNATURE
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4])
        yield data[start + 4 : start + 8], data[start + 8 : start + 8 + length]
        start += 12 + length
