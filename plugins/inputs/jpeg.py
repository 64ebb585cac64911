"""Decodes plain JPEGs with simplejpeg, in less time than Pillow and to the same pixels: both are libjpeg-turbo.

simplejpeg refuses what libjpeg only warns of, so damaged files are left to Pillow.
"""

from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_FACTORS = (8, 4, 2)
"""Sides that Pillow's draft mode can divide by."""


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        import simplejpeg
    except ImportError:
        return None
    module: ModuleType = simplejpeg
    return module


def draft_factor(size: tuple[int, int], wanted: tuple[int, int]) -> int:
    """By how much decoding may divide both sides of a picture so that it is no smaller than what it is resized to."""
    most = min(have // want for have, want in zip(size, wanted, strict=True))
    return next((factor for factor in _FACTORS if factor <= most), 1)


def decoded_jpeg(image: Image.Image, data: bytes) -> NDArray[np.uint8] | None:
    """The pixels `(height, width, 3)` of an opened JPEG, at the size that its draft mode has set.

    None where Pillow must decode it: inks, damage, or simplejpeg is not installed.
    """
    module = _simplejpeg()
    if module is None or image.mode not in ("RGB", "L"):
        return None
    try:
        pixels: NDArray[np.uint8] = module.decode_jpeg(data, "RGB", min_height=image.height, min_width=image.width)
    except ValueError:
        return None
    return pixels if pixels.shape == (image.height, image.width, 3) else None
