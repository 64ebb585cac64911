"""Turns and mirrors a picture as its container's display matrix says."""

import numpy as np
from numpy.typing import NDArray

Matrix = tuple[float, float, float, float]
UPRIGHT: Matrix = (1.0, 0.0, 0.0, 1.0)
"""The matrix that changes nothing."""


def oriented(picture: NDArray[np.uint8], matrix: Matrix) -> NDArray[np.uint8]:
    """A picture `(channels, height, width)` as it is to be shown.

    Args:
        matrix: as `multigraft.FrameTaker.offer` takes it. One that is no multiple of a quarter turn counts as the
            nearest of the eight that are.
    """
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        picture, a, d = picture.transpose(0, 2, 1), c, b
    if a < 0:
        picture = picture[:, :, ::-1]
    if d < 0:
        picture = picture[:, ::-1]
    return picture
