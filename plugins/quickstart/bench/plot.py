"""The plot of a benchmark: percent of trained numbers against the mean score."""

from collections.abc import Callable, Sequence
from io import StringIO

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from multigraft.plugins.quickstart.bench.bootstrap import LEVEL
from multigraft.plugins.quickstart.bench.standings import Standing, Standings

_SMALLEST = 0.1
"""Percent; below it the axis is linear, so that 0 has a place."""


def svg(found: Standings) -> str:
    """Two plots side by side: without the projection, and with it. Numbers are those of the list beside them."""
    text = StringIO()
    with pyplot.rc_context({"svg.hashsalt": "multigraft", "svg.fonttype": "none"}):
        figure, axes = pyplot.subplots(1, 2, figsize=(13, 5.5), sharey=True, layout="constrained")
        _draw(axes[0], found.rows, "without the projection", lambda row: row.percent_without_projection)
        _draw(axes[1], found.rows, "with the projection", lambda row: row.percent)
        axes[0].set_ylabel(f"mean score of the tasks, {LEVEL:.0%} interval")
        names = "\n".join(f"{place}  {row.name}" for place, row in enumerate(found.rows, 1))
        axes[1].annotate(names, (1.03, 1), xycoords="axes fraction", va="top", fontsize=8, annotation_clip=False)
        figure.savefig(text, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return text.getvalue()


def _draw(axes: Axes, rows: Sequence[Standing], title: str, percent: Callable[[Standing], float]) -> None:
    places = [percent(row) for row in rows]
    below = [max(0.0, row.score - row.low) for row in rows]
    above = [max(0.0, row.high - row.score) for row in rows]
    axes.errorbar(places, [row.score for row in rows], [below, above], fmt="o", markersize=4, linewidth=0.8)
    for number, (place, row) in enumerate(zip(places, rows, strict=True), 1):
        axes.annotate(str(number), (place, row.score), (4, 3), textcoords="offset points", fontsize=8)
    axes.set_xscale("symlog", linthresh=_SMALLEST)
    axes.set_xlim(-_SMALLEST / 4, 130)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("trained, % of all numbers but the encoders'")
    axes.grid(linewidth=0.3)
