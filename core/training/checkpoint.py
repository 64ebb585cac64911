"""Checkpoints: `checkpoints/STEP/graft` (all that is exported) and `checkpoints/STEP/state` (what resuming needs)."""

import json
import logging
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from multigraft.core.atomic import write_folder, writing
from multigraft.core.errors import MultigraftError
from multigraft.core.graft.saving import load_graft, read_facts, save_graft
from multigraft.core.model.objectives import learning_state, load_learning_state
from multigraft.core.recipe.plugin_use import KEY, plugins_in_use
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.recipe.yaml_nodes import read
from multigraft.core.registry.registry import Registry
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.run_folder import checkpoint_folder, checkpoints
from multigraft.core.training.optimizer import load_optimizer_tensors, optimizer_tensors
from multigraft.core.training.resuming import (
    check_data_go_on,
    check_pool_goes_on,
    check_recipe_goes_on,
    check_steps_left,
    data_facts,
)

if TYPE_CHECKING:
    from multigraft.core.training.train_lines import TrainLines


def graft_facts(run: OpenRun) -> dict[str, Any]:
    """What `graft.json` says of where a graft belongs."""
    return {
        "trunk": run.trunk.fingerprints,
        "weights": run.trunk.origins(),
        "tasks": list(run.recipe.tasks),
        "recipe": dump_recipe(run.recipe),
        "plugins": run.registry.versions(),
        KEY: plugins_in_use(run.recipe, run.registry),
        "media": {name: run.data.kinds(name, "train") for name in run.recipe.tasks},
    }


def save_checkpoint(run: OpenRun, step: int, optimizer: torch.optim.Optimizer, lines: "TrainLines") -> Path:
    """Write a checkpoint under a temporary name, sync and rename it; then drop old ones beyond `train.keep`.

    Raises:
        MultigraftError: it cannot be written; those before it stay as they are.
    """
    plugins: dict[str, Any] = {}
    run.registry.hooks.checkpoint_saving(run=run, step=step, state=plugins)
    state = {
        "step": step,
        "data": data_facts(run.data),
        "pool": run.data.pool(step - 1),
        "draws": {"drawn": run.data.log.drawn, "bad": run.data.log.bad},
        "lines": lines.state(),
        "cut": run.results.get("cut", {}),
        "plugins": plugins,
    }

    def fill(folder: Path) -> None:
        save_graft(folder / "graft", run.model.graft.bank, graft_facts(run))
        (folder / "state").mkdir()
        save_file(
            optimizer_tensors(optimizer, run.model.graft.bank.named()), folder / "state" / "optimizer.safetensors"
        )
        if learning := learning_state(run.model):
            save_file({name: value.contiguous() for name, value in learning.items()}, folder / "state" / _LEARNING)
        (folder / "state" / "state.json").write_text(json.dumps(state) + "\n")

    target = checkpoint_folder(run.folder, step)
    with writing(target, _last_one(run.folder)):
        for partial in target.parent.glob(".*.partial"):
            shutil.rmtree(partial)
        write_folder(target, fill)
    for old in checkpoints(run.folder)[: -run.recipe.train.keep]:
        shutil.rmtree(old)
    return target


def load_checkpoint(run: OpenRun, folder: Path, optimizer: torch.optim.Optimizer, lines: "TrainLines") -> int:
    """Fill graft, optimizer and counts from a checkpoint; returns the steps made.

    Raises:
        MultigraftError: it is damaged, or does not fit this recipe, trunk or data.
    """
    state = _read_state(folder / "state" / "state.json")
    check_recipe_goes_on(recipe_of(folder / "graft", run.registry), state["step"], run.recipe)
    check_steps_left(state["step"], run.recipe)
    check_data_go_on(state["data"], run.data)
    check_pool_goes_on(state.get("pool"), state["step"], run.data)
    load_graft(folder / "graft", run.model.graft.bank, run.trunk.fingerprints)
    _load_optimizer(folder / "state" / "optimizer.safetensors", run, optimizer)
    load_learning(folder, run)
    run.data.log.restore(state["draws"]["drawn"], state["draws"]["bad"])
    run.results["cut"] = state.get("cut", {})
    lines.restore(state["lines"])
    run.registry.hooks.checkpoint_loaded(run=run, step=state["step"], state=state["plugins"])
    return int(state["step"])


_LEARNING = "objectives.safetensors"
"""Queues and the like, and the teacher."""


def _last_one(run_folder: Path) -> str:
    found = checkpoints(run_folder)
    return f"{found[-1]} is whole and the run goes on from there" if found else "the run has no checkpoint before it"


def recipe_of(graft: Path, registry: Registry) -> Recipe:
    """The recipe that a saved graft was trained with.

    Raises:
        MultigraftError: it is none of this version.
    """
    try:
        written = read(read_facts(graft)["recipe"])
        return Recipe.model_validate(written, context={"registry": registry})
    except (yaml.YAMLError, ValidationError) as error:
        raise MultigraftError(f"{graft}: its recipe is none of this version of multigraft: {error}") from None


_STATE = {"step": int, "data": dict, "draws": dict, "lines": dict, "plugins": dict}
_COUNTS = {"draws": {"drawn": 0, "bad": 0}, "lines": {"last": {}, "losses": {}}, "cut": {}}
"""What a checkpoint of version 0.1.0 lacks, and what was counted before there is anything to count."""
_log = logging.getLogger(__name__)


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text())
        if not state.keys() & _COUNTS.keys():
            _log.warning("%s is of an older version: draws and cut texts are counted from here on", path)
            state |= deepcopy(_COUNTS)
        wrong = [key for key, kind in _STATE.items() if not isinstance(state[key], kind)]
        if not wrong:
            return state  # type: ignore[no-any-return]
        reason = f"its {', '.join(wrong)} are of another type"
    except KeyError as error:
        raise MultigraftError(
            f"{path} lacks {error}: another version of multigraft wrote it; go on with that one, or begin a new run"
        ) from None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = repr(error)
    raise MultigraftError(f"{path} is damaged: {reason}; remove that checkpoint to go on from the one before it")


def _load_optimizer(path: Path, run: OpenRun, optimizer: torch.optim.Optimizer) -> None:
    try:
        load_optimizer_tensors(optimizer, run.model.graft.bank.named(), load_file(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise MultigraftError(
            f"{path} is damaged: {error}; remove that checkpoint to go on from the one before it"
        ) from None


def load_learning(folder: Path, run: OpenRun) -> None:
    """Fill the objectives' states and the teacher from a checkpoint, where there are any.

    Raises:
        MultigraftError: they are damaged.
    """
    if not learning_state(run.model):
        return
    path = folder / "state" / _LEARNING
    try:
        load_learning_state(run.model, load_file(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise MultigraftError(
            f"{path} is damaged: {error}; remove that checkpoint to go on from the one before it"
        ) from None
