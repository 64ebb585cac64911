"""A decoded picture whose pixels are made ready stretch by stretch, so that there is no second copy of all of it."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, as Pillow has them."""
STRETCH = 1 << 19
"""Pixels that are made ready at once."""
_T = Image.Transpose
_TURNED: dict[Image.Transpose, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    _T.FLIP_LEFT_RIGHT: lambda pixels: pixels[:, ::-1],
    _T.FLIP_TOP_BOTTOM: lambda pixels: pixels[::-1],
    _T.ROTATE_90: lambda pixels: pixels.swapaxes(0, 1)[::-1],
    _T.ROTATE_180: lambda pixels: pixels[::-1, ::-1],
    _T.ROTATE_270: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    _T.TRANSPOSE: lambda pixels: pixels.swapaxes(0, 1),
    _T.TRANSVERSE: lambda pixels: pixels.swapaxes(0, 1)[::-1, ::-1],
}
_SIDEWAYS = (_T.ROTATE_90, _T.ROTATE_270, _T.TRANSPOSE, _T.TRANSVERSE)
_FROM_RIGHT = (_T.FLIP_LEFT_RIGHT, _T.ROTATE_180, _T.ROTATE_90, _T.TRANSVERSE)
_FROM_BELOW = (_T.FLIP_TOP_BOTTOM, _T.ROTATE_180, _T.ROTATE_270, _T.TRANSVERSE)
"""Turns that show the stored picture from its right side, or from its lower one, on."""


class Raster:
    """A picture as it is to be shown, in RGB.

    Args:
        size: width and height as they are stored.
        stored: makes `(height, width, 3)` of a box of the stored picture.
        turn: what brings it upright.
    """

    def __init__(
        self, size: tuple[int, int], stored: Callable[[Box], NDArray[np.uint8]], turn: Image.Transpose | None = None
    ) -> None:
        self._size, self._stored, self._turn = size, stored, turn
        self.width, self.height = size[::-1] if is_sideways(turn) else size

    def rgb(self, box: Box | None = None) -> NDArray[np.uint8]:
        """Pixels `(height, width, 3)` of a box, contiguous; of all if left out."""
        box = box or (0, 0, self.width, self.height)
        if self._turn is None:
            return np.ascontiguousarray(self._stored(box))
        return _TURNED[self._turn](self._stored(self._before_turning(box, self._turn))).copy()

    def _before_turning(self, box: Box, turn: Image.Transpose) -> Box:
        left, top, right, bottom = box if not is_sideways(turn) else (box[1], box[0], box[3], box[2])
        width, height = self._size
        if turn in _FROM_RIGHT:
            left, right = width - right, width - left
        if turn in _FROM_BELOW:
            top, bottom = height - bottom, height - top
        return left, top, right, bottom


def is_sideways(turn: Image.Transpose | None) -> bool:
    """Whether a turn changes width for height."""
    return turn in _SIDEWAYS


def raster_of(pixels: NDArray[np.uint8], turn: Image.Transpose | None = None) -> Raster:
    """Pixels `(height, width, 3)`, as they are stored, as a raster."""
    height, width = pixels.shape[:2]
    return Raster((width, height), lambda box: pixels[box[1] : box[3], box[0] : box[2]], turn)


def stretches(length: int, across: int) -> Iterator[tuple[int, int]]:
    """Begin and end of parts of a side, each of about `STRETCH` pixels at most, the other side being `across`."""
    step = max(1, STRETCH // across)
    for start in range(0, length, step):
        yield start, min(start + step, length)
