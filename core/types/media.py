"""Decoded media, and a stretch of one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ending_of(name: str) -> str:
    """The ending of a field or a file, lower case, without the dot: it says which input reads it."""
    return name.rpartition(".")[2].lower()


@dataclass(frozen=True)
class Media:
    """One decoded medium, a picture, the frames of a video or a clip of sound, or its stored features.

    It is one item or several: each is encoded by itself."""

    kind: str
    """`image`, `video`, `audio`, or what another plugin's input calls it."""
    modality: str
    """Whose encoder reads it: `visual` for pictures and frames, `audio` for sound."""
    arrays: NDArray[Any] | None
    """`(items, length, ...)`: uint8 `(pictures, 3, size, size)`, float32 `(clips, windows, bands)`."""
    times: NDArray[np.float32]
    """`(items,)`, real times in seconds: of a frame, or of the start of a clip; 0 for an image."""
    features: NDArray[np.float32] | NDArray[np.uint16] | None = None
    """`(items, tokens, width)` where stored features were read instead of arrays; uint16 holds bfloat16's bits."""


@dataclass(frozen=True)
class Span:
    """A stretch of a video or a clip in seconds."""

    start: float
    stop: float
