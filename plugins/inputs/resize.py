"""Brings a picture to the size an encoder reads."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import Transform

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}
"""How far the filters reach, in pixels of the smaller picture."""


def resize(image: Image.Image, transform: Transform) -> NDArray[np.uint8]:
    """An RGB picture as uint8 `(3, height, width)`, resized with antialiasing.

    The values are those of resizing the whole picture and cutting it then, but only what is kept is ever made: the
    largest picture on the way is no larger than the one given or the one wanted.
    """
    size = transform.size
    if transform.fit == "stretch":
        fitted = _resample(image, (size, size), transform)
    elif transform.fit == "crop":
        fitted = _middle(image, transform)
    else:
        fitted = _whole(image, transform)
    return np.ascontiguousarray(np.asarray(fitted, np.uint8).transpose(2, 0, 1))


def _middle(image: Image.Image, transform: Transform) -> Image.Image:
    """The middle square of the picture whose shorter side is `size`, or `shorter`."""
    size, side = transform.size, min(image.size)
    shorter = transform.shorter or size
    left, right = _stretch(image.width * shorter / side, image.width, size)
    top, bottom = _stretch(image.height * shorter / side, image.height, size)
    reach = _SUPPORT[transform.interpolation] * max(1.0, (bottom - top) / size) + 1
    first, last = max(0, floor(top - reach)), min(image.height, ceil(bottom + reach))
    method = _FILTERS[transform.interpolation]
    rows = image.resize((size, last - first), method, (left, first, right, last))
    return rows.resize((size, size), method, (0, top - first, size, bottom - first))


def _stretch(scaled: float, length: int, size: int) -> tuple[float, float]:
    """Begin and end, in a side of `length` pixels, of the middle `size` pixels of what it becomes."""
    pixels = max(1, round(scaled))
    start = (pixels - size) // 2
    return start * length / pixels, min(length, (start + size) * length / pixels)


def _whole(image: Image.Image, transform: Transform) -> Image.Image:
    """The picture whose longer side is `size`, with black borders if it is padded."""
    size, side = transform.size, max(image.size)
    if transform.fit == "whole":
        size = min(size, side)
    width, height = (max(1, round(length * size / side)) for length in image.size)
    resized = _resample(image, (width, height), transform)
    if transform.fit == "whole":
        return resized
    left, top = (width - size) // 2, (height - size) // 2
    return resized.crop((left, top, left + size, top + size))


def _resample(image: Image.Image, size: tuple[int, int], transform: Transform) -> Image.Image:
    """Pillow may resize rows first; a picture that becomes wider and lower is made lower first."""
    method = _FILTERS[transform.interpolation]
    if image.width < size[0] and image.height > size[1]:
        image = image.resize((image.width, size[1]), method)
    return image.resize(size, method)
