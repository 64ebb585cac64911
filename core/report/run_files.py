"""Reads the files of a run folder, as far as they are there: a run may still go on, or have been stopped."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.yaml_nodes import read
from multigraft.core.suggest import nearest_file
from multigraft.core.types.prediction import Prediction

_KNOWN = ("recipe.yaml", "environment.json", "metrics.jsonl", "results.json", "predictions", "skipped.jsonl")


@dataclass(frozen=True)
class RunFiles:
    """What a run has written so far; None or empty where a file is missing."""

    folder: Path
    recipe_text: str | None
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any] | None
    metrics: list[dict[str, Any]]
    results: Mapping[str, Any] | None
    predictions: Mapping[str, list[Prediction]]
    skipped: list[dict[str, Any]] | None


def read_run(folder: Path) -> RunFiles:
    """All files of a run folder.

    Raises:
        MultigraftError: it is no run folder, or one of its files is damaged.
    """
    if not folder.is_dir():
        raise MultigraftError(f"{folder} is no run folder: there is no such folder{nearest_file(folder)}")
    if not any((folder / name).exists() for name in _KNOWN):
        raise MultigraftError(
            f"{folder} is no run folder: it has none of {', '.join(_KNOWN)}; give the folder of `--run`"
        )
    recipe = folder / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8") if recipe.is_file() else None
    rows = {path.stem: _rows(path) for path in sorted((folder / "predictions").glob("*.jsonl"))}
    skipped = folder / "skipped.jsonl"
    return RunFiles(
        folder=folder,
        recipe_text=text,
        recipe=_yaml(recipe, text),
        environment=_json(folder / "environment.json"),
        metrics=_rows(folder / "metrics.jsonl"),
        results=_json(folder / "results.json"),
        predictions={task: [Prediction.from_json(row) for row in found] for task, found in rows.items()},
        skipped=_rows(skipped) if skipped.is_file() else None,
    )


def _yaml(path: Path, text: str | None) -> Mapping[str, Any]:
    try:
        value = read(text or "")
    except yaml.YAMLError as error:
        raise MultigraftError(f"{path} is damaged: {error}") from error
    return value if isinstance(value, dict) else {}


def _json(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MultigraftError(f"{path} is damaged: {error}") from error
    return value if isinstance(value, dict) else {}


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines. A last line without its end is still being written and left out."""
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1):
        if not line.endswith("\n") or not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise MultigraftError(f"{path}:{number} is damaged: {error}") from error
    return rows
