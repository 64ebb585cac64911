"""Whether a run that is to go on is over already, and what it had found before."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.splits import final_split
from multigraft.core.registry.registry import Registry
from multigraft.core.run.run_folder import checkpoints
from multigraft.core.training.checkpoint import recipe_of
from multigraft.core.training.resuming import check_recipe_goes_on


def finished(recipe: Recipe, registry: Registry, folder: Path) -> dict[str, Any] | None:
    """What results.json holds, if all steps of the recipe are made and scored; else None. Nothing is written.

    Raises:
        MultigraftError: the folder holds an exported graft, which has no state to go on from, or its recipe has changed
            in what decides the training.
    """
    found = checkpoints(folder)
    if not found and (folder / "graft" / "graft.json").is_file():
        raise MultigraftError(
            f"{folder} is an exported graft without the state of a run, so training cannot go on from it; "
            "resume the run that it was exported from. `multigraft predict` answers with it"
        )
    if not found:
        return None
    saved, results, made = recipe_of(found[-1] / "graft", registry), earlier_results(folder), int(found[-1].name)
    as_long = _length(saved) == _length(recipe) and results.get("step") == made
    if made != recipe.train.steps and not (recipe.train.steps == 0 and as_long):
        return None
    check_recipe_goes_on(saved, made, recipe)
    as_before = load_recipe(folder / "recipe.yaml", (), registry) == recipe
    return results if as_before and _is_scored(results, made, recipe) else None


def _length(recipe: Recipe) -> tuple[object, ...]:
    """How long the training is, as the recipe says it."""
    return recipe.train.epochs, [(stage.epochs, stage.steps) for stage in recipe.train.stages]


def earlier_results(folder: Path) -> dict[str, Any]:
    """What results.json holds; nothing where there is none.

    Raises:
        MultigraftError: it is damaged.
    """
    path = folder / "results.json"
    if not path.is_file():
        return {}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(results, dict):
            return results
        reason = "it is no mapping"
    except ValueError as error:
        reason = str(error)
    raise MultigraftError(f"{path} is damaged: {reason}; move it away to score anew")


def _is_scored(results: Mapping[str, Any], made: int, recipe: Recipe) -> bool:
    """Whether the last step's graft was scored; `eval --split` may have scored another split since."""
    final = final_split(recipe)
    if results.get("step") != made:
        return False
    if results.get("split") != final:
        return True
    tasks = {name for name, task in recipe.tasks.items() if final in task.data}
    return tasks <= set(results.get("tasks", {})) and set(recipe.eval.controls) <= set(results.get("controls", {}))
