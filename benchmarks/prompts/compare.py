"""Scores of runs beside their controls, and how far each is from the first.

`python benchmarks/prompts/compare.py RUN...` writes a table to stdout. Differences are paired by annotation; their 95 %
intervals are those of a bootstrap that draws pictures, since questions about one picture hang together.
"""

import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

SAMPLES = 2000


def rows(run: Path, task: str) -> dict[str, dict[str, Any]]:
    lines = (run / "predictions" / f"{task}.jsonl").read_text().splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def by_picture(first: Path, other: Path, task: str) -> list[list[float]]:
    """Differences of the rows that both have, by the first picture that they are about."""
    own, theirs = rows(first, task), rows(other, task)
    groups: dict[str, list[float]] = defaultdict(list)
    for name in own.keys() & theirs.keys():
        groups[own[name]["media"][0]].append(theirs[name]["score"] - own[name]["score"])
    return list(groups.values())


def interval(groups: list[list[float]]) -> tuple[float, float, float]:
    """The mean difference, and the ends of its 95 % interval."""
    draw = random.Random(0)
    means = sorted(
        mean(value for group in draw.choices(groups, k=len(groups)) for value in group) for _ in range(SAMPLES)
    )
    return mean(v for group in groups for v in group), means[SAMPLES // 40], means[-SAMPLES // 40]


def main(names: list[str]) -> None:
    runs = [Path(name) for name in names]
    print("| run | task | n | score | no media | shuffled | untrained | to the first, points | |")
    print("|---|---|---|---|---|---|---|---|---|")
    for run in runs:
        results = json.loads((run / "results.json").read_text())
        for task, report in results["tasks"].items():
            metric = next(iter(report))
            controls = [results["controls"].get(name, {}).get(task, {}).get(metric) for name in
                        ("no-media", "shuffled-media", "untrained")]  # fmt: skip
            told = " | ".join("" if value is None else f"{value:.3f}" for value in controls)
            difference, low, high = interval(by_picture(runs[0], run, task))
            word = "" if run == runs[0] else "not separated" if low <= 0 <= high else "separated"
            points = f"{100 * difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
            print(f"| {run.name} | {task} | {report['n']} | {report[metric]:.3f} | {told} | {points} | {word} |")


if __name__ == "__main__":
    main(sys.argv[1:])
