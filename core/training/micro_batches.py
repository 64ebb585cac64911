"""Cuts a batch into passes: rows of about the same length go together, so that little of a pass is padding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from multigraft.core.types.row import TEXT, Row

_TOKENS_AN_ITEM = 8
"""Rough, before pictures become prompts: nothing but padding depends on it."""


def micro_batches(rows: Sequence[Row], size: int, length: int | None = None) -> list[list[Row]]:
    """As few passes of at most `size` rows as there must be, cut where least is padded; shorter rows first.

    Args:
        length: of a pass, rows times the longest of them, at most; passes are as few as that allows then. A longer row
            makes a pass of its own.
    """
    if length is None and size >= len(rows):
        return [list(rows)]
    ordered = sorted(rows, key=_length)
    lengths = np.array([_length(row) for row in ordered], float)
    cuts = cheapest_cuts(lengths, size) if length is None else cuts_within(lengths, size, length)
    return [ordered[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(ordered)], strict=True)]


def _length(row: Row) -> int:
    items = sum(len(media.times) for media in row.sample.media)
    return len(row.texts[TEXT].ids) + items * _TOKENS_AN_ITEM


def cuts_within(lengths: NDArray[np.float64], size: int, most: int) -> list[int]:
    """Where to cut rows of rising lengths into groups of at most `size`, whose rows times longest row are `most` or
    less, or which are one row: from the longest row on, as many as fit."""
    cuts, stop = [], len(lengths)
    while stop > 0:
        stop -= max(1, min(size, stop, int(most // max(lengths[stop - 1], 1))))
        cuts.append(stop)
    return cuts[-2::-1]


def cheapest_cuts(lengths: NDArray[np.float64], size: int) -> list[int]:
    """Where to cut rows of rising lengths into as few groups of at most `size` as there must be.

    The sum over the groups of rows times longest row is the least there is.
    """
    rows = len(lengths)
    costs = np.full(rows + 1, np.inf)
    costs[0] = 0
    begun: list[NDArray[np.intp]] = []
    taken = np.arange(size, 0, -1)
    starts = np.arange(1, rows + 1)[:, None] - taken
    padded = np.where(starts >= 0, taken * lengths[:, None], np.inf)
    for _ in range(-(-rows // size)):
        ways = costs[starts] + padded
        best = ways.argmin(1)
        costs = np.concatenate([[np.inf], ways[np.arange(rows), best]])
        begun.append(np.concatenate([[0], starts[np.arange(rows), best]]))
    cuts, stop = [], rows
    for starts in reversed(begun):
        stop = int(starts[stop])
        cuts.append(stop)
    return cuts[-2::-1]
