"""What each of two processes does for test_sharding.py: trainings by name, and a step over samples made for it."""

import faulthandler
import json
import sys
from dataclasses import replace
from pathlib import Path

from torch.distributed.tensor import DTensor

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer
from multigraft.core.training.session import train
from multigraft.core.training.step_data import StepMaker


def shares(run):
    """Numbers of the backbone's parameters: all, those that are shared out, and those of them that lie here."""
    found = [value for value in run.model.backbone.parameters() if isinstance(value, DTensor)]
    return {
        "all": sum(value.numel() for value in run.model.backbone.parameters()),
        "shared out": sum(value.numel() for value in found),
        "here": sum(value.to_local().numel() for value in found),
    }


def weightless_step(recipe, registry, folder):
    """A step in which the first process has rows of weight 0 alone, of three tasks, and the second one has `vqa`."""
    with open_run(recipe, registry, folder) as run:
        optimizer = make_optimizer(run.model.graft.bank, recipe.train.optimizer)
        trainer = Trainer(run, optimizer)
        before = shares(run)
        (drawn,) = run.data.stream(run.rank).batches(0, 1)
        vqa = [sample for sample in drawn if sample.task == "vqa"]
        weightless = [replace(each, example=replace(each.example, weight=0.0)) for each in drawn if each.task != "vqa"]
        own = vqa if run.accelerator.process_index else weightless
        losses = trainer.step(0, StepMaker(run).of(own, list(recipe.tasks)))
        moved = {
            key.owner.task_scope for key, value in run.model.graft.bank.trained().items() if value in optimizer.state
        }
        note = {"losses": losses, "moved": sorted(moved), "before": before, "after": shares(run)}
        (folder / f"rank-{run.accelerator.process_index}.json").write_text(json.dumps(note))


def main(plan: Path) -> None:
    registry = load_registry()
    for name, (recipe_file, overrides, action) in json.loads(plan.read_text()).items():
        faulthandler.dump_traceback_later(60, exit=True)
        folder = plan.parent / name
        recipe = load_recipe(Path(recipe_file), overrides, registry)
        if action == "step":
            folder.mkdir(exist_ok=True)
            weightless_step(recipe, registry, folder)
        else:
            if action == "resume":
                train(load_recipe(Path(recipe_file), [*overrides, "train.steps=2"], registry), registry, folder)
            train(recipe, registry, folder, resume=action == "resume")
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
