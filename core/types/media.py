"""Decoded media, and a stretch of one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Media:
    """One decoded medium: a picture, or the frames of a video, or its stored features."""

    kind: str
    """`image` or `video`."""
    frames: NDArray[np.uint8] | None
    """`(pictures, 3, size, size)`."""
    times: NDArray[np.float32]
    """`(pictures,)`, real times of the frames in seconds; 0 for an image."""
    features: NDArray[np.float32] | NDArray[np.uint16] | None = None
    """`(pictures, tokens, width)` where stored features were read instead of frames; uint16 holds bfloat16's bits."""


@dataclass(frozen=True)
class Span:
    """A stretch of a video in seconds."""

    start: float
    stop: float
