"""Sound to log-mel energies, in numpy."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from multigraft import LogMel

FLOOR = 1e-10
"""Energies below are as quiet as can be: digital silence has a logarithm too."""


def log_mel(sound: NDArray[np.float32], wanted: LogMel) -> NDArray[np.float32]:
    """Mono `(samples,)` at the wanted rate, within [-1, 1], to `(windows, bands)`.

    The power spectrum of windows under a periodic Hann window, `|FFT(w x)|^2` (Allen 1977, "Short term spectral
    analysis"), summed up in triangular bands (Davis and Mermelstein 1980), of which the natural logarithm is taken.
    """
    count = wanted.windows(len(sound))
    whole = np.zeros((count - 1) * wanted.hop + wanted.window, np.float32)
    whole[: len(sound)] = sound
    windows = np.lib.stride_tricks.sliding_window_view(whole, wanted.window)[:: wanted.hop]
    power = np.abs(np.fft.rfft(windows * _hann(wanted.window), axis=1)) ** 2
    return np.log(np.maximum(power @ _bands(wanted), FLOOR)).astype(np.float32)


@lru_cache(maxsize=8)
def _hann(size: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


@lru_cache(maxsize=8)
def _bands(wanted: LogMel) -> NDArray[np.float64]:
    """`(frequencies, bands)`: triangles whose corners are equally far from each other on the mel scale,
    `mel(f) = 2595 log10(1 + f / 700)` (O'Shaughnessy 1987, "Speech Communication"), each 1 at its middle."""
    frequencies = np.fft.rfftfreq(wanted.window, 1 / wanted.rate)
    highest = 2595 * np.log10(1 + wanted.rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, wanted.bands + 2) / 2595) - 1)
    low, middle, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (frequencies[:, None] - low) / (middle - low)
    falling = (high - frequencies[:, None]) / (high - middle)
    return np.maximum(np.minimum(rising, falling), 0)
