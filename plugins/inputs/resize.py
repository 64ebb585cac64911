"""Brings a picture to the size an encoder reads, with Pillow alone: for processes that never import torch."""

from collections.abc import Callable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import Transform
from multigraft.plugins.inputs.fitting import fitted_size
from multigraft.plugins.inputs.raster import Raster, stretches

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_SUPPORT = {"bicubic": 2.0, "bilinear": 1.0}
"""How far the filters reach, in pixels of the smaller picture."""
_AT_ONCE = 1 << 20
"""Pixels that are given to Pillow as one picture, at most."""
_Place = tuple[float, int, float, int]
"""Left, top, right and bottom."""


def resize_raster(raster: Raster, transform: Transform, fitted: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """`resize` of a decoded picture; a large one is made narrower stretch by stretch."""
    if raster.width * raster.height <= _AT_ONCE:
        return resize(Image.fromarray(raster.rgb()), transform, fitted)
    fitted = fitted or fitted_size(raster.width, raster.height, transform)

    def narrower(box: _Place, width: int) -> Image.Image:
        return _narrower(raster, box, width, _FILTERS[transform.interpolation])

    if transform.fit == "crop":
        return _by_colour(_middle(narrower, (raster.width, raster.height), fitted, transform))
    return resize(narrower((0, 0, raster.width, raster.height), min(fitted[0], raster.width)), transform, fitted)


def resize(image: Image.Image, transform: Transform, fitted: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An RGB picture as uint8 `(3, height, width)`, resized with antialiasing.

    The values are those of resizing the whole picture and cutting it then, but only what is kept is ever made: the
    largest picture on the way is no larger than the one given or the one wanted.

    Args:
        fitted: width and height of the whole picture once it is resized; `fitted_size` of it if left out.
    """
    fitted = fitted or fitted_size(*image.size, transform)

    def narrower(box: _Place, width: int) -> Image.Image:
        return image.resize((width, box[3] - box[1]), _FILTERS[transform.interpolation], box)

    if transform.fit == "crop":
        return _by_colour(_middle(narrower, image.size, fitted, transform))
    resized = _resample(image, fitted, transform)
    return _by_colour(_padded(resized, transform.size) if transform.fit == "pad" else resized)


def _by_colour(image: Image.Image) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(image, np.uint8).transpose(2, 0, 1))


def _narrower(raster: Raster, box: _Place, width: int, method: Image.Resampling) -> Image.Image:
    """The rows of a box, resized to a width."""
    left, first, right, last = box
    rows = Image.new("RGB", (width, last - first))
    for start, stop in stretches(last - first, raster.width):
        part = Image.fromarray(raster.rgb((0, first + start, raster.width, first + stop)))
        rows.paste(part.resize((width, stop - start), method, (left, 0, right, stop - start)), (0, start))
    return rows


def _middle(
    narrower: Callable[[_Place, int], Image.Image],
    whole: tuple[int, int],
    fitted: tuple[int, int],
    transform: Transform,
) -> Image.Image:
    """The middle square of a picture once it is resized, from what makes a box of it narrower."""
    size = transform.size
    left, right = _stretch(fitted[0], whole[0], size)
    top, bottom = _stretch(fitted[1], whole[1], size)
    reach = _SUPPORT[transform.interpolation] * max(1.0, (bottom - top) / size) + 1
    first, last = max(0, floor(top - reach)), min(whole[1], ceil(bottom + reach))
    rows = narrower((left, first, right, last), size)
    return rows.resize((size, size), _FILTERS[transform.interpolation], (0, top - first, size, bottom - first))


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
