"""Brings a picture to the size an encoder reads, with torch: in less time what `multigraft.plugins.inputs.resize`
gives, to rounding. Not for processes that never import torch."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from multigraft import Transform
from multigraft.plugins.inputs.fitting import fitted_size
from multigraft.plugins.inputs.resize import resize

_MOST_ADDED = 4


def resize_array(
    picture: NDArray[np.uint8], transform: Transform, fitted: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """An RGB picture `(height, width, 3)` as uint8 `(3, height, width)`, resized with antialiasing. The colours of a
    pixel lie side by side in memory, as encoders read them.

    What `crop` cuts off is made first. Where that would be much (a picture many times longer than wide) Pillow resizes,
    which makes only what is kept. Torch's vectorised kernel stays in the calling thread.

    Args:
        fitted: width and height of the whole picture once it is resized; `fitted_size` of it if left out.
    """
    height, width = picture.shape[:2]
    wide, high = fitted or fitted_size(width, height, transform)
    if wide * high > max(width * height, _MOST_ADDED * transform.size**2):
        return resize(Image.fromarray(picture), transform, (wide, high))
    resized = _resampled(picture, wide, high, transform)
    return _centred(resized, transform.size) if transform.fit in ("crop", "pad") else resized


def _resampled(picture: NDArray[np.uint8], wide: int, high: int, transform: Transform) -> NDArray[np.uint8]:
    """`(3, high, wide)`."""
    import torch
    from torch.nn.functional import interpolate

    height, width = picture.shape[:2]
    side_by_side = (3 * height * width, 1, 3 * width, 3)
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).as_strided((1, 3, height, width), side_by_side)
    steps = [(high, wide)]
    if transform.fit != "crop" and _lower_first(width - wide, height - high):
        steps = [(high, width), *steps]
    for step in steps:
        pixels = interpolate(pixels, step, mode=transform.interpolation, antialias=True)
    resized: NDArray[np.uint8] = pixels[0].numpy()
    return resized


def _lower_first(narrower: int, lower: int) -> bool:
    """Whether Pillow 13 resizes columns before rows, as it was seen to; between the two, values are cut to 8 bits."""
    return lower > max(0, 2 * narrower)


def _centred(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle `size` x `size`, with black borders where it has less."""
    middle = np.zeros((size, size, 3), np.uint8).transpose(2, 0, 1)
    (from_y, to_y), (from_x, to_x) = (_overlap(length, size) for length in picture.shape[1:])
    middle[:, to_y, to_x] = picture[:, from_y, from_x]
    return middle


def _overlap(length: int, size: int) -> tuple[slice, slice]:
    """Of a side: which stretch of it lies in the middle `size`, and where in that."""
    start = (length - size) // 2
    return slice(max(start, 0), min(start + size, length)), slice(max(-start, 0), min(length - start, size))
