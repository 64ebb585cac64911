"""Pictures of every mode as 8-bit RGB, over white where they are transparent."""

import struct

import numpy as np
from PIL import Image

from multigraft.plugins.inputs.png import check_palette, transparent_value, visible

GROUND = "white"
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What brings a picture upright, by its EXIF orientation."""


_SIDEWAYS = (_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8])


def upright_rgb(image: Image.Image, data: bytes) -> Image.Image:
    """Decode and use up an opened picture: mode RGB, turned as its EXIF tag says; gamma and profiles are left alone.

    At its peak this takes 16 bytes a pixel, half of them in the WebP decoder.

    Raises:
        Exception: whatever Pillow raises on a damaged picture.
    """
    image.load()
    turn = turn_of(image)
    flat = _flat(image, data)
    if flat is not image:
        image.close()  # the caller still holds it
    return flat if turn is None else flat.transpose(turn)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What brings a picture upright; nothing where the EXIF cannot be read, as the picture is whole all the same."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, OSError, struct.error):
        return None


def is_sideways(turn: Image.Transpose | None) -> bool:
    """Whether a turn changes width for height."""
    return turn in _SIDEWAYS


def _flat(image: Image.Image, data: bytes) -> Image.Image:
    if image.format == "PNG" and image.mode == "P":
        check_palette(image, data)
    key = transparent_value(data) if image.format == "PNG" else None
    image.info.pop("transparency", None)  # Pillow's own reading of it, which `convert` would follow
    if image.mode in ("LA", "RGBA"):
        return _over_ground(image, image)
    mask = visible(image, *key, data) if key else None
    opaque = _eight_bits(image)
    return opaque if mask is None else _over_ground(opaque, mask)


def _over_ground(image: Image.Image, mask: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, GROUND)
    ground.paste(image, mask=mask)
    return ground


def _eight_bits(image: Image.Image) -> Image.Image:
    """RGB; of 16-bit grey the high byte, which Pillow would clip instead."""
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")
