"""The first line of a report, and the plain tables: parameters and skipped samples."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from multigraft.core.report.run_files import RunFiles
from multigraft.core.report.scores import flat

_MOST_BARS = 24
_MOST_EXAMPLES = 3
_NAMED_VERSIONS = ("multigraft", "python", "torch")


@dataclass(frozen=True)
class Bar:
    """A named count and its share of the largest one, in percent."""

    name: str
    count: int
    share: float


@dataclass
class Skipped:
    """Samples of one shard left out for one reason."""

    shard: str
    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


def summary(run: RunFiles) -> list[str]:
    """Trunk, graft, steps, seconds and versions, as far as they are known."""
    trunk, graft = run.recipe.get("trunk") or {}, run.recipe.get("graft") or {}
    parts = (_name(trunk.get(part)) for part in ("encoder", "backbone"))
    adapters = [_name(adapter) for adapter in graft.get("adapters") or ()]
    sharing = _name(graft.get("sharing"))
    lines = [
        _phrase("trunk", " + ".join(part for part in parts if part)),
        _phrase("graft", ", ".join(text for text in (*adapters, sharing) if text)),
        _steps(run),
        _seconds((run.results or {}).get("seconds")),
        _versions(run.environment or {}),
    ]
    return [line for line in lines if line]


def bars(counts: Mapping[str, int]) -> list[Bar]:
    """Counts as bars, largest first; the smallest of many are summed up."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    if len(ordered) > _MOST_BARS:
        rest = ordered[_MOST_BARS - 1 :]
        ordered = [*ordered[: _MOST_BARS - 1], (f"{len(rest)} others", sum(count for _, count in rest))]
    largest = max((count for _, count in ordered), default=0) or 1
    return [Bar(name, count, round(100 * count / largest, 1)) for name, count in ordered]


def skipped_by_reason(rows: Iterable[Mapping[str, Any]]) -> list[Skipped]:
    """Rows of skipped.jsonl, counted by shard and reason."""
    groups: dict[tuple[str, str], Skipped] = {}
    for row in rows:
        shard, reason = str(row.get("shard", "")), str(row.get("reason", ""))
        group = groups.setdefault((shard, reason), Skipped(shard, reason))
        group.count += int(row.get("count") or 1)
        if len(group.examples) < _MOST_EXAMPLES:
            told = (row.get("key"), row.get("detail"))
            group.examples.append(": ".join(str(text) for text in told if text))
    return sorted(groups.values(), key=lambda group: (group.shard, -group.count))


def curves(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Rows of metrics.jsonl as `{chart: {task: [(step, value), ...]}}`; of a step logged twice, the later counts."""
    charts: dict[str, dict[str, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        for name, value in row.items():
            stage, _, rest = name.partition("/")
            task, _, measure = rest.partition("/")
            if measure and (stage == "eval" or (stage, measure) == ("train", "loss")):
                charts[measure][task][row["step"]] = float(value)
    return {
        chart: {task: sorted(points.items()) for task, points in series.items()} for chart, series in charts.items()
    }


def _name(component: Any) -> str:
    """A component of a recipe in a word or two."""
    if isinstance(component, str):
        return component
    if not isinstance(component, Mapping):
        return ""
    told = component.get("model") or component.get("kind") or ""
    width = component.get("width")
    return f"{told} of width {width}" if width else str(told)


def _phrase(label: str, text: str) -> str:
    return f"{label} {text}" if text else ""


def _steps(run: RunFiles) -> str:
    planned = (run.recipe.get("train") or {}).get("steps")
    done = max((row["step"] for row in run.metrics if "step" in row), default=None)
    if done is None or done == planned:
        return f"{planned:,} steps" if planned else ""
    return f"{done:,} of {planned:,} steps" if planned else f"{done:,} steps"


def _seconds(seconds: Any) -> str:
    if isinstance(seconds, Mapping):
        seconds = seconds.get("total", sum(value for value in seconds.values() if isinstance(value, (int, float))))
    return f"{seconds:,.0f} seconds" if seconds else ""


def _versions(environment: Mapping[str, Any]) -> str:
    known: dict[str, Any] = {}
    for name, value in flat(environment).items():
        known.setdefault(name.rpartition(".")[2], value)
    return ", ".join(f"{name} {known[name]}" for name in _NAMED_VERSIONS if name in known)
