"""Checkpoints: `checkpoints/STEP/graft` (all that is exported) and `checkpoints/STEP/state` (what resuming needs)."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from multigraft.core.config.writing import dump_recipe
from multigraft.core.errors import MultigraftError
from multigraft.core.files import write_folder
from multigraft.core.graft.files import load_graft, save_graft
from multigraft.core.training.optimizer import load_optimizer_tensors, optimizer_tensors
from multigraft.core.training.run import Run

_DIGITS = 8


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    step: int
    """Steps made."""
    plugins: dict[str, Any]
    """What plugins put aside at `checkpoint_saving`."""


def checkpoint_folder(run_folder: Path, step: int) -> Path:
    """`RUN/checkpoints/STEP`."""
    return run_folder / "checkpoints" / f"{step:0{_DIGITS}d}"


def checkpoints(run_folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    folder = run_folder / "checkpoints"
    found = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    return sorted(found)


def latest(run_folder: Path) -> Path:
    """The newest checkpoint.

    Raises:
        MultigraftError: there is none.
    """
    found = checkpoints(run_folder)
    if not found:
        raise MultigraftError(f"{run_folder} has no checkpoint; is it the folder of a run?")
    return found[-1]


def graft_facts(run: Run) -> dict[str, Any]:
    """What `graft.json` says of where a graft belongs."""
    plugins = {plugin.name: plugin.version for plugin in run.registry.plugins if plugin.state == "loaded"}
    return {
        "trunk": run.trunk.fingerprints(),
        "tasks": list(run.recipe.tasks),
        "recipe": dump_recipe(run.recipe),
        "plugins": plugins,
    }


def save_checkpoint(run: Run, step: int, optimizer: torch.optim.Optimizer) -> Path:
    """Write a checkpoint under a temporary name, sync and rename it; then drop old ones beyond `train.keep`."""
    plugins: dict[str, Any] = {}
    run.registry.hooks.checkpoint_saving(run=run, step=step, state=plugins)

    def fill(folder: Path) -> None:
        save_graft(folder / "graft", run.model.graft.bank, graft_facts(run))
        state = folder / "state"
        state.mkdir()
        save_file(optimizer_tensors(optimizer, run.model.graft.bank), state / "optimizer.safetensors")
        (state / "state.json").write_text(json.dumps({"step": step, "plugins": plugins}) + "\n")

    target = checkpoint_folder(run.folder, step)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_folder(target, fill)
    for old in checkpoints(run.folder)[: -run.recipe.train.keep]:
        shutil.rmtree(old)
    return target


def load_checkpoint(run: Run, folder: Path, optimizer: torch.optim.Optimizer) -> Progress:
    """Fill graft and optimizer from a checkpoint.

    Raises:
        MultigraftError: it does not fit this recipe or trunk.
    """
    load_graft(folder / "graft", run.model.graft.bank, run.trunk.fingerprints())
    load_optimizer_tensors(optimizer, run.model.graft.bank, load_file(folder / "state" / "optimizer.safetensors"))
    state = json.loads((folder / "state" / "state.json").read_text())
    progress = Progress(int(state["step"]), dict(state["plugins"]))
    run.registry.hooks.checkpoint_loaded(run=run, step=progress.step, state=progress.plugins)
    return progress
