"""Histograms as numbers that a page's template draws as SVG."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft.core.report.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Tick, round_ticks

_MOST_BINS = 40
_SHARE = 0.99
"""Of the values that the axis holds where a few are far larger than the others."""
_FAR = 1.5
_GAP = 1.0


@dataclass(frozen=True)
class Block:
    """A bar, in the chart's own units."""

    x: float
    y: float
    width: float
    height: float
    label: str
    """Which values it holds, and how many."""


@dataclass(frozen=True)
class Histogram:
    """How often values were met."""

    title: str
    blocks: tuple[Block, ...]
    values: tuple[Tick, ...]
    counts: tuple[Tick, ...]
    beyond: str
    """What is said of values that are beyond the axis; empty where there are none."""


def histogram(title: str, values: NDArray[np.float64]) -> Histogram | None:
    """A histogram of some numbers; None of none. Whole numbers have a bar each where they are few."""
    if not len(values):
        return None
    low, high = float(values.min()), _highest(values)
    whole = bool((values == np.floor(values)).all())
    edges = _edges(low, high, whole, len(values))
    counts = np.histogram(values, edges)[0].tolist()
    beyond = int((values > edges[-1]).sum())
    upright = round_ticks([0.0, float(max(counts))])
    across = _Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    down = _Axis(0.0, upright[-1], HEIGHT - BOTTOM, TOP)
    blocks = tuple(_block(edges[n : n + 2], count, across, down) for n, count in enumerate(counts) if count)
    marks = [
        each for each in round_ticks([low, high]) if edges[0] <= each <= edges[-1] and (each.is_integer() or not whole)
    ]
    told = f"{beyond:,} are larger, up to {_number(float(values.max()))}" if beyond else ""
    return Histogram(
        title,
        blocks,
        tuple(Tick(across.place(each), _number(each)) for each in marks),
        tuple(Tick(down.place(each), _number(each)) for each in upright if each.is_integer()),
        told,
    )


@dataclass(frozen=True)
class _Axis:
    first: float
    last: float
    start: float
    """Where the first value lies."""
    stop: float

    def place(self, value: float) -> float:
        share = (value - self.first) / (self.last - self.first)
        return round(self.start + share * (self.stop - self.start), 1)


def _highest(values: NDArray[np.float64]) -> float:
    most, nearly = float(values.max()), float(np.quantile(values, _SHARE, method="higher"))
    return nearly if most > _FAR * nearly > 0 else most


def _edges(low: float, high: float, whole: bool, count: int) -> list[float]:
    """Borders of the bars, as many as the Rice rule says, `2 count^(1/3)` (Lane, Online Statistics Education); around
    whole numbers they lie between them, and where there is room each has a bar of its own."""
    bins = min(_MOST_BINS, math.ceil(2 * count ** (1 / 3)))
    if whole:
        width = 1 if high - low < _MOST_BINS else math.ceil((high - low + 1) / bins)
        count = math.ceil((high - low + 1) / width)
        return [low - 0.5 + width * number for number in range(count + 1)]
    if high == low:
        return [low - 0.5, low + 0.5]
    edges: list[float] = np.linspace(low, high, bins + 1).tolist()
    return edges


def _block(edges: list[float], count: int, across: _Axis, down: _Axis) -> Block:
    left, right, top = across.place(edges[0]), across.place(edges[1]), down.place(count)
    gap = _GAP if right - left > 3 * _GAP else 0.0
    floor = down.place(0)
    first, last = (math.ceil(edges[0]), math.floor(edges[1])) if edges[0] % 1 == 0.5 else tuple(edges)
    span = _number(first) if first == last else f"{_number(first)} to {_number(last)}"
    return Block(
        left, min(top, floor - 1), round(right - left - gap, 1), max(1.0, round(floor - top, 1)), f"{span}: {count:,}"
    )


def _number(value: Any) -> str:
    """A number on an axis: short, with the letter of thousands or millions."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}"[:6].rstrip(".") + letter
    return f"{value:.4g}"
