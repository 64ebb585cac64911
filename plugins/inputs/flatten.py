"""Pictures of every mode as 8-bit RGB, over white where they are transparent."""

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft.plugins.inputs.png import check_palette, mask_maker
from multigraft.plugins.inputs.raster import Box, Raster

GROUND = "white"
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What brings a picture upright, by its EXIF orientation."""


def upright_rgb(image: Image.Image, data: bytes) -> Raster:
    """Decode an opened picture, turned as its EXIF tag says; gamma and profiles are left alone.

    Raises:
        Exception: whatever Pillow raises on a damaged picture.
    """
    mask = mask_maker(image, data) if image.format == "PNG" else None
    image.load()
    turn = turn_of(image)
    if image.format == "PNG" and image.mode == "P":
        check_palette(image, data)
    image.info.pop("transparency", None)  # Pillow's own reading of it, which `convert` would follow

    def stored(box: Box) -> NDArray[np.uint8]:
        part = image if box == (0, 0, *image.size) else image.crop(box)
        return np.array(_flat(part, mask(part, box) if mask else None))

    stored((0, 0, 1, 1))  # where it cannot be made of such a picture, that is found here
    return Raster(image.size, stored, turn)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What brings a picture upright; nothing where the EXIF cannot be read, as the picture is whole all the same."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, OSError, struct.error):
        return None


def _flat(image: Image.Image, mask: Image.Image | None) -> Image.Image:
    if image.mode in ("LA", "RGBA"):
        return _over_ground(image, image)
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
