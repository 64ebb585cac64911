"""From the files of a benchmark to one line a row: parameters, scores, and the interval of the mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np

from multigraft import MultigraftError
from multigraft.plugins.quickstart.bench.bootstrap import Table, interval, mean_over_tasks
from multigraft.plugins.quickstart.bench.training import read_piece


@dataclass(frozen=True)
class Standing:
    """A row over its seeds."""

    name: str
    seeds: tuple[int, ...]
    trained: int
    """Numbers that are trained."""
    percent: float
    """Of all but the encoders."""
    percent_without_projection: float
    score: float
    """Mean over tasks."""
    low: float
    high: float
    spread: float | None
    """Standard deviation of the score over the seeds; None for a single one."""
    tasks: Mapping[str, float]
    rate: float
    steps: int
    seconds: float
    """Of making steps, mean over the seeds."""


@dataclass(frozen=True)
class Standings:
    """All rows, the best first, and what a reader must know of them."""

    rows: tuple[Standing, ...]
    failed: Mapping[str, str]
    """Errors by row and seed."""
    samples: int
    """Of a task that were scored, at most."""
    clusters: tuple[int, ...]
    """How many there are, each number once."""


def standings(folder: Path) -> Standings:
    """What the files of a folder say.

    Raises:
        MultigraftError: a file is damaged, or the seeds of a row do not go together.
    """
    kept = [read_piece(path) for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")]
    well = [each for each in kept if "error" not in each]
    by_row: dict[str, list[dict[str, Any]]] = {}
    for each in sorted(well, key=lambda each: each["seed"]):
        by_row.setdefault(each["row"], []).append(each)
    return Standings(
        tuple(sorted((_standing(name, runs) for name, runs in by_row.items()), key=lambda row: (-row.score, row.name))),
        {f"{each['row']}, seed {each['seed']}": each["error"] for each in kept if "error" in each},
        max((task["n"] for each in well for task in each["tasks"].values()), default=0),
        tuple(sorted({each["clusters"]["count"] for each in well})),
    )


def _standing(name: str, runs: Sequence[Mapping[str, Any]]) -> Standing:
    first = runs[0]
    for other in runs[1:]:
        if any(first[key] != other[key] for key in ("steps", "rate")) or _scored(first) != _scored(other):
            raise MultigraftError(
                f"row {name!r}: seeds {first['seed']} and {other['seed']} have other steps, rates or samples; "
                "remove the files of one, and the same command makes them anew"
            )
    sums, rows = _tables(runs)
    scores = [mean(task["score"] for task in run["tasks"].values()) for run in runs]
    low, high = interval(sums, rows)
    parameters = first["parameters"]
    trained, projection = (parameters[key] if first["steps"] else 0 for key in ("trainable", "projection"))
    percent = parameters["percent"] if first["steps"] else 0.0
    return Standing(
        name,
        tuple(run["seed"] for run in runs),
        trained,
        percent,
        percent * (trained - projection) / max(trained, 1),
        mean_over_tasks(sums, rows),
        low,
        high,
        stdev(scores) if len(scores) > 1 else None,
        {task: mean(run["tasks"][task]["score"] for run in runs) for task in first["tasks"]},
        first["rate"],
        first["steps"],
        mean(run["seconds"]["train/step"] for run in runs),
    )


def _scored(run: Mapping[str, Any]) -> list[Any]:
    """What decides which samples were scored."""
    clusters = run["clusters"]
    return [clusters["names"], {name: (task["clusters"], task["rows"]) for name, task in clusters["tasks"].items()}]


def _tables(runs: Sequence[Mapping[str, Any]]) -> tuple[Table, Table]:
    """Sums of scores, the mean over the seeds, and numbers of rows, `(clusters, tasks)`."""
    count, tasks = runs[0]["clusters"]["count"], list(runs[0]["clusters"]["tasks"])
    sums, rows = np.zeros((count, len(tasks))), np.zeros((count, len(tasks)))
    for place, task in enumerate(tasks):
        for run in runs:
            own = run["clusters"]["tasks"][task]
            sums[own["clusters"], place] += np.array(own["sums"]) / len(runs)
        rows[own["clusters"], place] = own["rows"]
    return sums, rows
