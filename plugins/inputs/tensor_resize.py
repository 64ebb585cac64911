"""Brings a picture to the size an encoder reads, with torch: in less time what `multigraft.plugins.inputs.resize`
gives, to rounding. Not for processes that never import torch."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from multigraft import Transform
from multigraft.plugins.inputs.fitting import fitted_size
from multigraft.plugins.inputs.raster import STRETCH, Raster, stretches
from multigraft.plugins.inputs.resize import resize_raster

if TYPE_CHECKING:
    from torch import Tensor

_MOST_ADDED = 4
_MOST_BETWEEN = 1 << 24
"""Pixels of what is held between the two steps of resizing, at most."""


def resize_by_torch(raster: Raster, transform: Transform, fitted: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A picture as uint8 `(3, height, width)`, resized with antialiasing. The colours of a pixel lie side by side in
    memory, as encoders read them.

    What `crop` cuts off is made first. Where that would be much (a picture many times longer than wide) Pillow resizes,
    which makes only what is kept. Torch's vectorised kernel stays in the calling thread.

    Args:
        fitted: width and height of the whole picture once it is resized; `fitted_size` of it if left out.
    """
    width, height = raster.width, raster.height
    wide, high = fitted or fitted_size(width, height, transform)
    most = max(width * height, _MOST_ADDED * transform.size**2)
    if wide * high > most or (transform.fit == "crop" and wide * max(high, height) > _MOST_BETWEEN):
        return resize_raster(raster, transform, (wide, high))
    resized: NDArray[np.uint8] = _resampled(raster, wide, high, transform)[0].numpy()
    return _centred(resized, transform.size) if transform.fit in ("crop", "pad") else resized


def _resampled(raster: Raster, wide: int, high: int, transform: Transform) -> "Tensor":
    """`(1, 3, high, wide)`. Of a large picture the first step is done stretch by stretch, to the same pixels."""
    width, height = raster.width, raster.height
    lower_first = transform.fit != "crop" and _lower_first(width - wide, height - high)
    if width * height <= STRETCH:
        pixels = raster.rgb()
    elif lower_first:
        pixels = np.empty((high, width, 3), np.uint8)
        for left, right in stretches(width, height):
            part = _tensor(raster.rgb((left, 0, right, height)))
            pixels[:, left:right] = _array(_step(part, (high, right - left), transform))
    else:
        pixels = np.empty((height, wide, 3), np.uint8)
        for top, bottom in stretches(height, width):
            part = _tensor(raster.rgb((0, top, width, bottom)))
            pixels[top:bottom] = _array(_step(part, (bottom - top, wide), transform))
    between = _tensor(pixels)
    if lower_first:
        between = _step(between, (high, width), transform)
    return _step(between, (high, wide), transform)


def _step(pixels: "Tensor", size: tuple[int, int], transform: Transform) -> "Tensor":
    from torch.nn.functional import interpolate

    return interpolate(pixels, size, mode=transform.interpolation, antialias=True)


def _array(pixels: "Tensor") -> NDArray[np.uint8]:
    """`(1, 3, height, width)` as `(height, width, 3)`; numpy copies it in the calling thread."""
    made: NDArray[np.uint8] = pixels[0].numpy().transpose(1, 2, 0)
    return made


def _tensor(pixels: NDArray[np.uint8]) -> "Tensor":
    """Contiguous pixels `(height, width, 3)` as `(1, 3, height, width)`."""
    import torch

    height, width = pixels.shape[:2]
    return torch.from_numpy(pixels).as_strided((1, 3, height, width), (3 * height * width, 1, 3 * width, 3))


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
