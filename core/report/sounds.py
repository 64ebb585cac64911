"""What a page shows of a sound: a picture of its log-mel energies, and the file to be played."""

import base64

import numpy as np
from numpy.typing import NDArray

from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample

_COLUMNS = 288
"""Of a picture, at most: longer sounds are averaged over time."""
_PLAYED = 512 << 10
"""Bytes of a file that is put into the page, at most."""


def spectrogram(energies: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Log-mel energies `(windows, bands)` as a grey picture `(3, bands, columns)`: time to the right, low bands below,
    the loudest white."""
    bounds = np.linspace(0, len(energies), min(_COLUMNS, len(energies)) + 1).astype(int)[:-1]
    means = np.add.reduceat(energies, bounds) / np.diff(bounds, append=len(energies))[:, None]
    spread = max(float(np.ptp(means)), 1e-6)
    grey = ((means - means.min()) / spread * 255).astype(np.uint8)
    return np.repeat(grey.T[None, ::-1], 3, axis=0)


def player_uri(shard: Shard, sample: int, field: str) -> str:
    """The file of a sound as a data URI; empty where it is too large for a page."""
    try:
        data = base64.b64encode(shard.read(sample, field, _PLAYED)).decode()
    except BadSample:
        return ""
    return f"data:audio/{field.rpartition('.')[2]};base64,{data}"
