"""Line charts as numbers that the page's template draws as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multigraft.core.report.marks import NEUTRAL, Mark

WIDTH, HEIGHT = 420, 230
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 24
_MOST_POINTS = 150
_MOST_DOTS = 30
_FLAT = 1e-9
"""A smaller spread, relative to the values, is rounding."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """One series, in the chart's own units."""

    name: str
    mark: Mark
    path: str
    """`x,y x,y ...` of an SVG polyline."""
    dots: tuple[tuple[float, float], ...]
    last: float
    """The last value as it was given."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    position: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A titled chart of several lines over steps."""

    title: str
    lines: tuple[Line, ...]
    steps: tuple[Tick, ...]
    values: tuple[Tick, ...]


def draw(title: str, series: Mapping[str, Points], marks: Mapping[str, Mark], fractions: bool = False) -> Chart | None:
    """A chart of `{name: [(step, value), ...]}` without values that are no finite numbers; None if none is left.

    Args:
        marks: how each name is drawn; neutral where it has none.
        fractions: draw values from 0 to 1 on an axis from 0 to 1.
    """
    finite = {name: [(x, y) for x, y in points if math.isfinite(y)] for name, points in series.items()}
    shown = {name: _thinned(points) for name, points in finite.items() if points}
    if not shown:
        return None
    steps = round_ticks([x for points in shown.values() for x, _ in points])
    values = round_ticks([y for points in shown.values() for _, y in points] + ([0.0, 1.0] if fractions else []))

    def across(x: float) -> float:
        return round(LEFT + (x - steps[0]) / (steps[-1] - steps[0]) * (WIDTH - LEFT - RIGHT), 1)

    def down(y: float) -> float:
        return round(HEIGHT - BOTTOM - (y - values[0]) / (values[-1] - values[0]) * (HEIGHT - TOP - BOTTOM), 1)

    lines = []
    for name, points in shown.items():
        placed = tuple((across(x), down(y)) for x, y in points)
        path = " ".join(f"{x:g},{y:g}" for x, y in placed)
        dots = placed if len(placed) <= _MOST_DOTS else ()
        lines.append(Line(name, marks.get(name, NEUTRAL), path, dots, finite[name][-1][1]))
    return Chart(
        title,
        tuple(lines),
        tuple(Tick(across(x), f"{x:g}") for x in steps),
        tuple(Tick(down(y), f"{y:g}") for y in values),
    )


def _thinned(points: Points) -> Points:
    """Means of neighbouring points where there are more than can be seen."""
    size = -(-len(points) // _MOST_POINTS)
    pieces = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in piece) / len(piece), sum(y for _, y in piece) / len(piece)) for piece in pieces]


def round_ticks(values: Sequence[float]) -> list[float]:
    """Three to seven round numbers that enclose all values."""
    low, high = min(values), max(values)
    span = high - low
    if span < _FLAT * max(1.0, abs(high)):
        span = abs(high) if abs(high) > _FLAT else 1.0
    unit = 10.0 ** math.floor(math.log10(span))
    step = next(unit * factor for factor in (0.2, 0.5, 1, 2) if span / (unit * factor) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
