"""The table of scores: one row for each task, group of annotations and metric; controls stand beside the score.

The first metric of a task is its main one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from multigraft.core.evaluation.left_out import lines

_NO_METRIC = ("n", "by_source", "by_type", "facts", "counts")


@dataclass(frozen=True)
class ControlScore:
    """The same metric under a control."""

    score: float
    n: int | None
    """Annotations scored, where these are other ones than the row's."""


@dataclass(frozen=True)
class ScoreRow:
    """One metric of one task, over all its annotations or a group of them."""

    task: str
    group: str
    """Empty for all annotations, else such as `type: colour`."""
    metric: str
    main: bool
    n: int | None
    score: float
    controls: tuple[ControlScore | None, ...]
    """In the order of the controls' names."""
    bounds: str


def control_names(results: Mapping[str, Any]) -> tuple[str, ...]:
    """The controls that were scored."""
    return tuple(results.get("controls", {}))


def score_rows(results: Mapping[str, Any]) -> Iterator[ScoreRow]:
    """All rows, each task's own before those of its groups."""
    controls = results.get("controls", {})
    for task, scores in results.get("tasks", {}).items():
        others = [control.get(task, {}) for control in controls.values()]
        bounds = results.get("bounds", {}).get(task, {})
        yield from _rows(task, "", scores, others, bounds)
        for kind in ("source", "type"):
            for name, group in scores.get(f"by_{kind}", {}).items():
                same = [other.get(f"by_{kind}", {}).get(name, {}) for other in others]
                yield from _rows(task, f"{kind}: {name}", group, same, {})


def main_metrics(results: Mapping[str, Any]) -> list[str]:
    """The main metric of each task, each once."""
    return list(dict.fromkeys(row.metric for row in score_rows(results) if row.main and not row.group))


def left_out(results: Mapping[str, Any]) -> list[str]:
    """What each control leaves out because it cannot change it, in words."""
    tasks: Mapping[str, Any] = results.get("left_out", {})
    return [
        line
        for control, scores in results.get("controls", {}).items()
        for line in lines(control, scores, tasks.get(control, {}))
    ]


def facts(results: Mapping[str, Any]) -> dict[str, str]:
    """What a reader must know to compare scores, by task."""
    told = {task: flat(scores.get("facts", {})) for task, scores in results.get("tasks", {}).items()}
    return {
        task: ", ".join(f"{name}: {value}" for name, value in facts.items()) for task, facts in told.items() if facts
    }


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values under names joined by dots."""
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = value
    return leaves


def _rows(
    task: str, group: str, scores: Mapping[str, Any], others: list[Mapping[str, Any]], bounds: Mapping[str, Any]
) -> Iterator[ScoreRow]:
    measured = {name: score for name, score in scores.items() if name not in _NO_METRIC and _is_number(score)}
    for place, (metric, score) in enumerate(measured.items()):
        n = _rests_on(scores, metric)
        beside = tuple(_control(other, metric, n) for other in others)
        bound = _bounds(bounds, metric, scores)
        yield ScoreRow(task, group, metric, place == 0, n, score, beside, bound)


def _control(scores: Mapping[str, Any], metric: str, n: int | None) -> ControlScore | None:
    score: Any = scores.get(metric)
    own = _rests_on(scores, metric)
    return ControlScore(score, own if own != n else None) if _is_number(score) else None


def _rests_on(scores: Mapping[str, Any], metric: str) -> int | None:
    count: int | None = scores.get("counts", {}).get(metric, scores.get("n"))
    return count


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bounds(bounds: Mapping[str, Any], metric: str, scores: Mapping[str, Any]) -> str:
    """`{NAME: value}` holds for every metric of a task, `{METRIC: {NAME: value}}` for one."""
    own = {name: value for name, value in bounds.items() if name not in scores} | dict(bounds.get(metric) or {})
    return ", ".join(f"{name} {shown(value)}" for name, value in flat(own).items())


def shown(value: Any) -> str:
    """A number as readers expect it: counts whole, scores with three digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
