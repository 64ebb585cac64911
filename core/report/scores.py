"""The table of scores: one row for each task, group of annotations and metric; controls stand beside the score."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NO_METRIC = ("n", "by_source", "by_type", "facts")


@dataclass(frozen=True)
class ScoreRow:
    """One metric of one task, over all its annotations or a group of them."""

    task: str
    group: str
    """Empty for all annotations, else such as `type: colour`."""
    metric: str
    n: int | None
    score: float
    controls: tuple[float | None, ...]
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
    for metric, score in scores.items():
        if metric in _NO_METRIC or not isinstance(score, (int, float)):
            continue
        beside = tuple(other.get(metric) for other in others)
        yield ScoreRow(task, group, metric, scores.get("n"), score, beside, _bounds(bounds, metric, scores))


def _bounds(bounds: Mapping[str, Any], metric: str, scores: Mapping[str, Any]) -> str:
    """`{NAME: value}` holds for every metric of a task, `{METRIC: {NAME: value}}` for one."""
    own = {name: value for name, value in bounds.items() if name not in scores} | dict(bounds.get(metric) or {})
    return ", ".join(f"{name} {shown(value)}" for name, value in flat(own).items())


def shown(value: Any) -> str:
    """A number as readers expect it: counts whole, scores with three digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
