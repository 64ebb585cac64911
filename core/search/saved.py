"""Checkpoints of a search: what it needs to go on as if it had not been stopped."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from multigraft.core.atomic import write_folder, writing
from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.run.run_folder import checkpoint_folder, checkpoints
from multigraft.core.search.search_data import CUTS
from multigraft.core.training.optimizer import load_optimizer_tensors, optimizer_tensors
from multigraft.core.training.resuming import check_data_go_on, data_facts

if TYPE_CHECKING:
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.run.open_run import OpenRun
    from multigraft.core.search.arm_runs import ArmRuns
    from multigraft.core.search.searcher import Searcher

_TENSORS, _OPTIMIZER, _STATE = "tensors.safetensors", "optimizer.safetensors", "state.json"


def save_search(searcher: "Searcher", step: int) -> None:
    """Write a checkpoint, then remove those before it."""
    run, arms = searcher.run, searcher.arms
    log = run.data.log
    state: dict[str, Any] = {
        "step": step,
        "arms": list(arms.made),
        "strategy": searcher.strategy.state(),
        "recipe": dump_recipe(searcher.recipe),
        "batches": searcher.batches.counted,
        "seconds": run.times.of_all_sessions(),
        "fingerprints": dict(run.trunk.fingerprints),
        "data": data_facts(run.data),
        "draws": {"drawn": log.drawn, "bad": log.bad},
        "cut": {name: run.results.get(name, {}) for name in CUTS},
    }

    def fill(folder: Path) -> None:
        trained = arms.tensors.trained()
        save_file({text: value.detach().contiguous() for text, value in trained.items()}, folder / _TENSORS)
        save_file(optimizer_tensors(arms.optimizer, trained), folder / _OPTIMIZER)
        (folder / _STATE).write_text(json.dumps(state) + "\n")

    target = checkpoint_folder(run.folder, step)
    with writing(target):
        write_folder(target, fill)
    for old in checkpoints(run.folder)[:-1]:
        shutil.rmtree(old)


def load_search(searcher: "Searcher") -> int:
    """Go on from the checkpoint of a folder, if it has one; returns the steps made.

    Raises:
        MultigraftError: it is damaged, or of another recipe, another trunk or other data.
    """
    run, arms = searcher.run, searcher.arms
    found = checkpoints(run.folder)
    if not found:
        return 0
    try:
        state = json.loads((found[-1] / _STATE).read_text())
        _refuse_another_recipe(searcher.recipe, state["recipe"])
        _refuse_another_trunk(run, state["fingerprints"])
        check_data_go_on(state["data"], run.data)
        for own in state["arms"]:
            arms.of(tuple(own))
        _fill(arms, load_file(found[-1] / _TENSORS), load_file(found[-1] / _OPTIMIZER))
        searcher.strategy.restore(state["strategy"])
        searcher.batches.counted = int(state["batches"])
        run.times.go_on(state["seconds"])
        run.data.log.restore(state["draws"]["drawn"], state["draws"]["bad"])
        for name in CUTS:
            run.results.setdefault(name, {}).update(state["cut"][name])
        return int(state["step"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise MultigraftError(f"{found[-1]} is damaged: {error!r}; begin a new search in another folder") from None


def _refuse_another_recipe(recipe: "Recipe", saved: str) -> None:
    if dump_recipe(recipe) != saved:
        raise MultigraftError("a search goes on with the recipe that it began with; begin a new one in another folder")


def _refuse_another_trunk(run: "OpenRun", saved: dict[str, str]) -> None:
    if saved != dict(run.trunk.fingerprints):
        raise MultigraftError("the trunk is not the one that the search began with; put its weights back")


@torch.no_grad()
def _fill(arms: "ArmRuns", tensors: dict[str, torch.Tensor], moments: dict[str, torch.Tensor]) -> None:
    trained = arms.tensors.trained()
    if differing := sorted(tensors.keys() ^ trained.keys()):
        raise ValueError(f"{differing[0]} is missing, or belongs to no arm")
    for text, value in trained.items():
        if value.shape != tensors[text].shape:
            raise ValueError(f"{text} has another shape than {tuple(value.shape)}")
        value.copy_(tensors[text])
    load_optimizer_tensors(arms.optimizer, trained, moments)
