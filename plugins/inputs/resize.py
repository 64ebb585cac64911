"""Brings a picture to the size an encoder reads, with Pillow alone: for processes that never import torch."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import Transform
from multigraft.plugins.inputs.fitting import fitted_size

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}
"""How far the filters reach, in pixels of the smaller picture."""


def resize(image: Image.Image, transform: Transform, fitted: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An RGB picture as uint8 `(3, height, width)`, resized with antialiasing.

    The values are those of resizing the whole picture and cutting it then, but only what is kept is ever made: the
    largest picture on the way is no larger than the one given or the one wanted.

    Args:
        fitted: width and height of the whole picture once it is resized; `fitted_size` of it if left out.
    """
    fitted = fitted or fitted_size(*image.size, transform)
    if transform.fit == "crop":
        resized = _middle(image, fitted, transform)
    else:
        resized = _resample(image, fitted, transform)
        resized = _padded(resized, transform.size) if transform.fit == "pad" else resized
    return np.ascontiguousarray(np.asarray(resized, np.uint8).transpose(2, 0, 1))


def _middle(image: Image.Image, fitted: tuple[int, int], transform: Transform) -> Image.Image:
    """The middle square of the picture once it is resized."""
    size, (wide, high) = transform.size, fitted
    left, right = _stretch(wide, image.width, size)
    top, bottom = _stretch(high, image.height, size)
    reach = _SUPPORT[transform.interpolation] * max(1.0, (bottom - top) / size) + 1
    first, last = max(0, floor(top - reach)), min(image.height, ceil(bottom + reach))
    method = _FILTERS[transform.interpolation]
    rows = image.resize((size, last - first), method, (left, first, right, last))
    return rows.resize((size, size), method, (0, top - first, size, bottom - first))


def _stretch(pixels: int, length: int, size: int) -> tuple[float, float]:
    """Begin and end, in a side of `length` pixels, of the middle `size` of the `pixels` that it becomes."""
    start = (pixels - size) // 2
    return start * length / pixels, min(length, (start + size) * length / pixels)


def _padded(image: Image.Image, size: int) -> Image.Image:
    """With black borders."""
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def _resample(image: Image.Image, size: tuple[int, int], transform: Transform) -> Image.Image:
    """Pillow may resize rows first; a picture that becomes wider and lower is made lower first."""
    method = _FILTERS[transform.interpolation]
    if image.width < size[0] and image.height > size[1]:
        image = image.resize((image.width, size[1]), method)
    return image.resize(size, method)
