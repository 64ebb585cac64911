"""How sound becomes what an encoder reads."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft.core.types.preparation import Preparation


@dataclass(frozen=True)
class LogMel(Preparation):
    """Mono sound at a sampling rate, as the logarithms of its energy in bands of the mel scale.

    A window starts every `hop` samples from the first on; the last one is filled up with silence.

    Raises:
        ValueError: a number is out of range.
    """

    rate: int = 16_000
    """Samples a second."""
    window: int = 400
    """Samples of a window."""
    hop: int = 160
    """Samples from the start of one window to that of the next."""
    bands: int = 64
    """Bands, between 0 Hz and half the rate."""
    seconds: float = 10.0
    """Of a clip or of its span, at most; longer ones are `too long`."""

    def __post_init__(self) -> None:
        if min(self.rate, self.window, self.hop, self.bands) < 1 or not self.seconds > 0:
            raise ValueError(f"{self} has a number that is not above 0")

    def windows(self, samples: int) -> int:
        """Windows of so many samples at `rate`; 1 at least."""
        return 1 + max(0, ceil((samples - self.window) / self.hop))

    @property
    def most_windows(self) -> int:
        """Windows of the longest clip."""
        return self.windows(ceil(self.seconds * self.rate))

    def example(self) -> NDArray[Any]:
        """Noise of two clips, of 64 windows or of the longest clip's, `(2, windows, bands)`."""
        shape = (2, min(64, self.most_windows), self.bands)
        return np.random.default_rng(0).normal(-4, 4, shape).astype(np.float32)
