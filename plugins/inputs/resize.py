"""Brings a picture to the size an encoder reads."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft.core.interfaces.picture import Transform

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def resize(image: Image.Image, transform: Transform) -> NDArray[np.uint8]:
    """An RGB picture as uint8 `(3, size, size)`, resized with antialiasing."""
    size = transform.size
    if transform.fit == "stretch":
        fitted = image.resize((size, size), _FILTERS[transform.interpolation])
    else:
        fitted = _keeping_aspect(image, transform)
    return np.ascontiguousarray(np.asarray(fitted, np.uint8).transpose(2, 0, 1))


def _keeping_aspect(image: Image.Image, transform: Transform) -> Image.Image:
    size, width, height = transform.size, image.width, image.height
    side = min(width, height) if transform.fit == "crop" else max(width, height)
    scaled = max(1, round(width * size / side)), max(1, round(height * size / side))
    resized = image.resize(scaled, _FILTERS[transform.interpolation])
    left, top = (resized.width - size) // 2, (resized.height - size) // 2
    return resized.crop((left, top, left + size, top + size))
