"""Results of several runs as one table: `python benchmarks/quickstart/collect.py RUNS > results.md`.

RUNS holds a folder NAME-SEED for each run, such as quickstart-0, blind-2. Each run's results.json is copied beside the
table, without the predictions.
"""

import json
import shutil
import sys
from pathlib import Path
from statistics import mean, stdev

HERE = Path(__file__).parent
ROWS = [
    ("easy-vqa questions", ("tasks", "vqa", "vqa-accuracy")),
    ("easy-vqa two-image statements", ("tasks", "statements", "by_source", "easy-vqa", "exact-match")),
    ("OpenMoji two-image statements, unseen concepts", ("tasks", "statements", "by_source", "openmoji", "exact-match")),
    ("OpenMoji group of unseen concepts", ("tasks", "gqa", "by_type", "unseen-group", "exact-match")),
    ("OpenMoji yes/no on unseen concepts", ("tasks", "gqa", "by_type", "unseen-yes-no", "exact-match")),
    ("BabyAI multiple choice of four", ("tasks", "video-choice", "exact-match")),
    ("  which came first", ("tasks", "video-choice", "by_type", "order", "exact-match")),
    ("BabyAI open questions", ("tasks", "video-question", "exact-match")),
    ("captions of easy-vqa pictures, exact", ("tasks", "captions", "by_source", "easy-vqa", "exact-match")),
    ("captions of BabyAI episodes, exact", ("tasks", "video-captions", "exact-match")),
]


def value(results: dict, path: tuple[str, ...]) -> float | None:
    """The number at a path, or None."""
    found = results
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def spread(numbers: list[float]) -> str:
    """Mean and standard deviation."""
    if not numbers:
        return ""
    return f"{mean(numbers):.3f} ± {stdev(numbers):.3f}" if len(numbers) > 1 else f"{numbers[0]:.3f}"


def columns(runs: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """Runs by name, and the controls of the quickstart as if each were a run."""
    found = dict(runs)
    for control in runs["quickstart"][0].get("controls", {}):
        found[control] = [{"tasks": results["controls"][control]} for results in runs["quickstart"]]
    return found


def main(folder: Path) -> None:
    """Print the table."""
    runs: dict[str, list[dict]] = {}
    for path in sorted(folder.glob("*/results.json")):
        name = path.parent.name.rpartition("-")[0]
        runs.setdefault(name, []).append(json.loads(path.read_text()))
        shutil.copy(path, HERE / f"{path.parent.name}.json")
    table = columns(runs)
    print("| held-out data |", " | ".join(table), "|")
    print("|---" * (len(table) + 1) + "|")
    for label, path in ROWS:
        cells = [spread([x for results in each if (x := value(results, path)) is not None]) for each in table.values()]
        print(f"| {label} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
