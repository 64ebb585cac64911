"""Rows of metrics.jsonl as charts over steps, and as a table of what was measured only once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multigraft.core.report.chart import Chart, Points, draw
from multigraft.core.report.marks import Mark

TRAINING_LOSS, VALIDATION_LOSS = "training loss", "validation loss"
_WHOLE_RUN = {"samples_per_second": "samples a second", "waiting": "share of time waiting for data"}
"""Measures of `train/...` that belong to no task."""

Series = Mapping[str, Points]
"""Task, or nothing for the whole run -> (step, value)."""


@dataclass(frozen=True)
class Single:
    """A value that was measured at one step only."""

    measure: str
    task: str
    step: float
    value: float


def curves(rows: Iterable[Mapping[str, Any]], main_metrics: Iterable[str] = ()) -> dict[str, Series]:
    """`{measure: {task: points}}`: losses, main metrics, others, speed; of a step logged twice, the later counts."""
    charts: dict[str, dict[str, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        for name, value in row.items():
            place = _place(name)
            if place is not None and isinstance(value, int | float):
                charts[place[0]][place[1]][row["step"]] = float(value)
    metrics = [title for title in charts if title not in _WHOLE_RUN.values()]
    order = dict.fromkeys([TRAINING_LOSS, VALIDATION_LOSS, *main_metrics, *metrics, *charts])
    return {
        title: {task: sorted(points.items()) for task, points in charts[title].items()}
        for title in order
        if title in charts
    }


def draw_all(measures: Mapping[str, Series], marks: Mapping[str, Mark]) -> list[Chart]:
    """A chart of each measure that has more than one step."""
    charts = (
        draw(title, series, marks, fractions=_are_fractions(title, series))
        for title, series in measures.items()
        if not _is_single(series)
    )
    return [chart for chart in charts if chart]


def singles(measures: Mapping[str, Series]) -> Iterator[Single]:
    """The values of each measure that no line can be drawn through."""
    for title, series in measures.items():
        if _is_single(series):
            yield from (Single(title, task, *points[0]) for task, points in series.items())


def _place(name: str) -> tuple[str, str] | None:
    """Title and task of a name such as `eval/vqa/exact-match`."""
    stage, _, rest = name.partition("/")
    task, _, measure = rest.partition("/")
    if stage == "train":
        if not measure:
            return (_WHOLE_RUN[task], "") if task in _WHOLE_RUN else None
        return (TRAINING_LOSS, task) if measure == "loss" else None
    if stage == "eval" and measure:
        return (VALIDATION_LOSS if measure == "loss" else measure), task
    return None


def _is_single(series: Series) -> bool:
    return all(len(points) == 1 for points in series.values())


def _are_fractions(title: str, series: Series) -> bool:
    """Whether an axis from 0 to 1 holds a measure; scores are fractions unless their values say otherwise."""
    values: Sequence[float] = [value for points in series.values() for _, value in points]
    return title not in (TRAINING_LOSS, VALIDATION_LOSS, _WHOLE_RUN["samples_per_second"]) and all(
        0 <= value <= 1 for value in values
    )
