"""What Pillow does not tell of a PNG: the transparent value of one without an alpha channel, at the file's own depth,
and colours that its palette lacks.

Pillow gives keys of 2 and 4 bits in other units than its pixels, cannot convert grey of 16 bits, keeps 8 bits of a
colour of 16, and takes some palettes that end in a faint entry for opaque ones; so the chunk is read here.
"""

import struct
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image, ImageChops

from multigraft.plugins.inputs.raster import Box, stretches

MaskMaker = Callable[[Image.Image, Box], Image.Image]
"""Makes the mask of a part of a loaded picture, which lies at a box of it."""
_SIGNATURE = 8
_LOW_BYTES = "RGB;16L"
"""Takes the second byte of each pair for the high one: read so, a PNG gives its low bytes."""


def check_palette(image: Image.Image, data: bytes) -> None:
    """Compare a loaded picture of mode `P` with its palette: Pillow shows what is not in it as black.

    Raises:
        ValueError: a pixel has a colour that the palette lacks.
    """
    colours, highest = len(_header(data).get(b"PLTE", b"")) // 3, int(image.getextrema()[1])  # type: ignore[arg-type]
    if highest >= colours:
        raise ValueError(f"it uses colour {highest} of a palette of {colours}")


def mask_maker(image: Image.Image, data: bytes) -> MaskMaker | None:
    """What makes masks, mode `L`, of boxes of an opened picture: 255 where it is seen, 0 where its value is the
    transparent one. None where it has no such value.

    Low bytes are decoded first, and only what they say of the mask is kept.

    Raises:
        ValueError: the value is cut short.
        Exception: whatever Pillow raises on a damaged picture.
    """
    header = _header(data)
    if b"tRNS" not in header or image.mode in ("LA", "RGBA"):
        return None
    depth, value = header[b"IHDR"][8], header[b"tRNS"]
    if image.mode == "P":
        alphas = list(value[:256].ljust(256, b"\xff"))
        return lambda part, _: part.point(alphas, "L")
    form = ">HHH" if image.mode == "RGB" else ">H"
    keys = [each & ((1 << depth) - 1) for each in struct.unpack(form, _whole(image, value))]
    if image.mode == "I;16":
        return lambda part, _: Image.fromarray(np.where(np.asarray(part) == keys[0], np.uint8(0), np.uint8(255)))
    if depth == 16:
        low, high_keys = _unlike_low(data, [key & 255 for key in keys]), [key >> 8 for key in keys]
        return lambda part, box: ImageChops.lighter(_unlike(part, high_keys), low.crop(box))
    levels = [key * (255 // ((1 << depth) - 1)) for key in keys]
    return lambda part, _: _unlike(part.convert("L") if part.mode == "1" else part, levels)


def _whole(image: Image.Image, value: bytes) -> bytes:
    length = 6 if image.mode == "RGB" else 2
    if len(value) < length:
        raise ValueError("its chunk tRNS is truncated")
    return value[:length]


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


def _unlike_low(data: bytes, keys: list[int]) -> Image.Image:
    """255 where the low byte of any band differs, in a picture of 16 bits a colour."""
    with Image.open(BytesIO(data), formats=("PNG",)) as low:
        low.tile = [tile._replace(args=_LOW_BYTES) for tile in low.tile]
        low.load()
        mask = Image.new("L", low.size)
        for top, bottom in stretches(low.height, low.width):
            box = (0, top, low.width, bottom)
            mask.paste(_unlike(low.crop(box), keys), box)
    return mask


def _header(data: bytes) -> dict[bytes, bytes]:
    """Chunks before the pixels, by name."""
    return dict(_chunks(data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = _SIGNATURE
    while start + 8 <= len(data) and data[start + 4 : start + 8] != b"IDAT":
        length = int.from_bytes(data[start : start + 4])
        yield data[start + 4 : start + 8], data[start + 8 : start + 8 + length]
        start += 12 + length
