"""The first line of a report, and the plain tables: parameters and skipped samples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from multigraft.core.report.run_files import RunFiles
from multigraft.core.report.scores import flat

_MOST_BARS = 24
_MOST_EXAMPLES = 3
CUT_PIECES = ("any", "context", "choices", "question", "target")
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
    """Recipe, trunk, graft, steps, seed, seconds and versions, as far as they are known."""
    trunk, graft = run.recipe.get("trunk") or {}, run.recipe.get("graft") or {}
    encoders = trunk.get("encoders") or {}
    parts = map(_name, (trunk.get("encoder"), *encoders.values(), trunk.get("backbone")))
    adapters = [_name(adapter) for adapter in graft.get("adapters") or ()]
    sharing = _name(graft.get("sharing"))
    lines = [
        _phrase("recipe", _name((run.environment or {}).get("recipe"))),
        _phrase("trunk", " + ".join(part for part in parts if part)),
        _phrase("graft", ", ".join(text for text in (*adapters, sharing) if text)),
        _steps(run),
        _phrase("seed", str((run.recipe.get("train") or {}).get("seed", ""))),
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


@dataclass(frozen=True)
class CutTexts:
    """How many texts of a task a limit has cut, and what of them, in percent of all."""

    task: str
    n: int
    shares: Mapping[str, float]


def cut_texts(results: Mapping[str, Any]) -> list[CutTexts]:
    """The tasks some of whose texts were cut, from `cut` of results.json."""
    return [
        CutTexts(task, counts["n"], {what: 100 * counts.get(what, 0) / counts["n"] for what in CUT_PIECES})
        for task, counts in results.get("cut", {}).items()
        if counts.get("n") and counts.get("any")
    ]


def steps_made(run: RunFiles) -> int | None:
    """The last step that was logged."""
    return max((row["step"] for row in run.metrics if "step" in row), default=None)


def is_finished(run: RunFiles) -> bool:
    """Whether all steps of the recipe were made and scored."""
    made = steps_made(run)
    return made is not None and made == _planned(run) and bool((run.results or {}).get("tasks"))


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


def _planned(run: RunFiles) -> int | None:
    return (run.recipe.get("train") or {}).get("steps")


def _steps(run: RunFiles) -> str:
    planned, made = _planned(run), steps_made(run)
    if made is None or made == planned:
        return f"{planned:,} steps" if planned else ""
    return f"{made:,} of {planned:,} steps" if planned else f"{made:,} steps"


def _seconds(seconds: Any) -> str:
    if isinstance(seconds, Mapping):
        seconds = seconds.get("total", sum(value for value in seconds.values() if isinstance(value, (int, float))))
    return f"{seconds:,.0f} seconds" if seconds else ""


def _versions(environment: Mapping[str, Any]) -> str:
    known: dict[str, Any] = {}
    for name, value in flat(environment).items():
        known.setdefault(name.rpartition(".")[2], value)
    return ", ".join(f"{name} {known[name]}" for name in _NAMED_VERSIONS if name in known)
