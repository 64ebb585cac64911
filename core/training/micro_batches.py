"""Cuts a batch into passes: samples of about the same length go together, so that little of a pass is padding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from multigraft.core.types.batch import Sample

_CHARACTERS_A_TOKEN, _TOKENS_A_PICTURE = 4, 8
"""Rough, before texts become tokens and pictures prompts: nothing but padding depends on it."""


def micro_batches(samples: Sequence[Sample], size: int) -> list[list[Sample]]:
    """As few passes of at most `size` samples as there must be, cut where least is padded; shorter samples first."""
    if size >= len(samples):
        return [list(samples)]
    ordered = sorted(samples, key=_length)
    cuts = cheapest_cuts(np.array([_length(sample) for sample in ordered]), size)
    return [ordered[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(ordered)], strict=True)]


def _length(sample: Sample) -> float:
    pictures = sum(len(media.times) for media in sample.media)
    return len(sample.example.text) / _CHARACTERS_A_TOKEN + pictures * _TOKENS_A_PICTURE


def cheapest_cuts(lengths: NDArray[np.float64], size: int) -> list[int]:
    """Where to cut rows of rising lengths into as few groups of at most `size` as there must be.

    The sum over the groups of rows times longest row is the least there is.
    """
    rows = len(lengths)
    costs = np.full(rows + 1, np.inf)
    costs[0] = 0
    begun: list[NDArray[np.intp]] = []
    for _ in range(-(-rows // size)):
        longer, starts = np.full(rows + 1, np.inf), np.zeros(rows + 1, np.intp)
        for stop in range(1, rows + 1):
            first = max(stop - size, 0)
            ways = costs[first:stop] + np.arange(stop - first, 0, -1) * lengths[stop - 1]
            starts[stop] = first + ways.argmin()
            longer[stop] = ways.min()
        costs = longer
        begun.append(starts)
    cuts, stop = [], rows
    for starts in reversed(begun):
        stop = int(starts[stop])
        cuts.append(stop)
    return cuts[-2::-1]
