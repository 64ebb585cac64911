"""Sound from one sampling rate to another."""

from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

_ZEROS = 32
"""Zero crossings of the sinc on each side: how sharply frequencies are cut off."""
_ROLLOFF = 0.945
"""Where they are, as a share of half the lower rate."""
_BETA = 10.0
"""Of the Kaiser window: what is cut off is about 100 dB lower."""


def resample(sound: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Mono `(samples,)` at `rate` to `(ceil(samples * wanted / rate),)` at `wanted`.

    Band-limited interpolation with a sinc under a Kaiser window (Smith and Gossett 1984, "A flexible sampling-rate
    conversion method"). Around the sound is silence.
    """
    if rate == wanted or not len(sound):
        return sound
    common = gcd(rate, wanted)
    up, down = wanted // common, rate // common
    cutoff = _ROLLOFF * min(1.0, wanted / rate)
    reach = ceil(_ZEROS / cutoff)
    count = ceil(len(sound) * up / down)
    around = np.pad(sound, (reach, reach + down))
    made = np.empty(count, np.float32)
    for phase in range(min(up, count)):
        first, part = divmod(phase * down, up)
        offsets = np.arange(-reach, reach + 1, dtype=np.float64) - part / up
        windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1)[first::down]
        own = made[phase::up]
        own[:] = windows[: len(own)] @ _kernel(offsets, cutoff, reach).astype(np.float32)
    return made


def _kernel(offsets: NDArray[np.float64], cutoff: float, reach: int) -> NDArray[np.float64]:
    """What samples so far away weigh."""
    inside = np.sqrt(np.maximum(1 - (offsets / (reach + 1)) ** 2, 0))
    return cutoff * np.sinc(cutoff * offsets) * np.i0(_BETA * inside) / np.i0(_BETA)
