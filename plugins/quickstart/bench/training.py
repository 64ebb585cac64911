"""Training one piece in this process, and what is kept of it."""

import gc
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multigraft import MultigraftError, Prediction, Recipe, train, write_text, writing
from multigraft.plugins.quickstart.bench.clusters import clustered
from multigraft.plugins.quickstart.bench.last_line import quietly
from multigraft.plugins.quickstart.bench.piece import FACTS, TEST, Piece

RUN = ".run"
"""Folder of the run that is being made, within that of the benchmark; what a stopped one left is made anew."""
_ENVIRONMENT = ("python", "platform", "threads", "device", "libraries", "plugins")


def make_piece(piece: Piece, label: str) -> dict[str, Any]:
    """Train and score a piece, write its file, and return what that holds; an error is kept there too.

    Args:
        label: stands before what the training says.
    """
    kept, recipe = piece.facts(), piece.recipe()
    try:
        kept |= _trained(recipe, piece, label)
    except Exception as error:  # whatever a method does, the others go on
        known = isinstance(error, MultigraftError)
        kept["error"] = str(error) if known else f"{type(error).__name__}: {error}"
    keep(piece, {**kept, "made_with": piece.made_with()})
    return kept


def keep(piece: Piece, kept: Mapping[str, Any]) -> None:
    """Write the file of a piece, each key on a line of its own."""
    lines = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in kept.items()]
    with writing(piece.file):
        piece.file.parent.mkdir(parents=True, exist_ok=True)
    write_text(piece.file, "{\n" + ",\n".join(lines) + "\n}\n")


def read_piece(path: Path) -> dict[str, Any]:
    """What is kept in a file.

    Raises:
        MultigraftError: it is damaged.
    """
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if {*FACTS, "made_with"} <= kept.keys():
            return kept
    except (OSError, ValueError, AttributeError):
        pass
    raise MultigraftError(f"{path} is damaged; remove it, and the same command makes it anew")


def _trained(recipe: Recipe, piece: Piece, label: str) -> dict[str, Any]:
    folder = piece.bench.folder / RUN
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with quietly(sys.stderr, label):
            results = train(recipe, folder, registry=piece.bench.registry)
        return _facts(piece, recipe, folder, results)
    except KeyboardInterrupt:
        raise KeyboardInterrupt from None  # without the note on how to resume the run, which is removed
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        gc.collect()


def _facts(piece: Piece, recipe: Recipe, folder: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    scored = {name: _scored(folder, name) for name in recipe.tasks}
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    return {
        "tasks": {
            name: {
                "metric": recipe.tasks[name].metrics[0].kind,
                "score": sum(score for _, score in rows) / len(rows),
                "n": len(rows),
            }
            for name, rows in scored.items()
        },
        "parameters": {**results["parameters"], "projection": _projection(recipe, results["parameters"]["by_part"])},
        "seconds": results["seconds"],
        "environment": {name: environment[name] for name in _ENVIRONMENT},
        **({"clusters": clustered(scored).to_json()} if piece.split == TEST else {}),
    }


def _scored(folder: Path, task: str) -> list[tuple[Prediction, float]]:
    path = folder / "predictions" / f"{task}.jsonl"
    with path.open(encoding="utf-8") as lines:
        rows = [Prediction.from_json(json.loads(line)) for line in lines]
    if not rows or any(row.score is None for row in rows):
        raise MultigraftError(f"task {task!r} cannot be compared: its first metric gives no score to each sample")
    return [(row, row.score) for row in rows if row.score is not None]


def _projection(recipe: Recipe, by_part: Mapping[str, int]) -> int:
    """Trained numbers of the prompt generators that media go through; their parts are named `prompt` or `prompt-N`."""
    names = {f"prompt-{n}" if n else "prompt" for n, prompt in enumerate(recipe.trunk.prompt) if prompt.reads_media}
    return sum(size for part, size in by_part.items() if part.partition(".")[0] in names)
