"""Decoded media, and the error for what cannot be decoded."""

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


class BadSample(Exception):  # noqa: N818 - the project's name for it
    """A sample that cannot be used. `reason` is a short, countable text; `detail` says what was seen."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason
