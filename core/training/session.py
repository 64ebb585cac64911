"""A whole training session: make the steps of a run, checkpoint, score."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from multigraft.core.config.recipe import Recipe
from multigraft.core.config.splits import TRAIN, final_split, unscored
from multigraft.core.config.writing import dump_recipe
from multigraft.core.data.indexing import unsaved_indices
from multigraft.core.data.stream import Share
from multigraft.core.evaluation.results import check_controls, evaluate_run, final_results, write_results
from multigraft.core.files import write_json, write_text
from multigraft.core.registry import Registry
from multigraft.core.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from multigraft.core.training.checks import check_graft_acts
from multigraft.core.training.environment import environment, first_name
from multigraft.core.training.loop import Trainer, collated
from multigraft.core.training.opening import open_run
from multigraft.core.training.optimizer import make_optimizer, rate_at
from multigraft.core.training.processes import only_run
from multigraft.core.training.progress import Progress
from multigraft.core.training.run import Run
from multigraft.core.training.stopping import StopRequest


def train(recipe: Recipe, registry: Registry, folder: Path, resume: bool = False, name: str = "") -> dict[str, Any]:
    """Train into a run folder, or go on with the very next sample of one; returns what results.json holds.

    Args:
        name: what people call the recipe; a run that goes on keeps the name that it began with.
    """
    check_controls(recipe.eval.controls)
    started = time.monotonic()
    with only_run(folder, new=not resume), open_run(recipe, registry, folder, logs=True) as run:
        with _ending(run):
            _train(run, resume, name)
            run.results["seconds"] = {"train": time.monotonic() - started}
            final_results(run, final_split(recipe), recipe.eval.controls)
            run.results["seconds"]["total"] = time.monotonic() - started
            run.results["data"] = run.data.log.facts()
        if run.is_main:
            write_results(run)
        return run.results


def rehearse(recipe: Recipe, registry: Registry, steps: int = 2) -> dict[str, float]:
    """Real steps that write nothing: media are decoded, not read from stored features; the losses of the last."""
    bare = recipe.model_copy(update={"data": recipe.data.model_copy(update={"features": False})})
    with unsaved_indices(), TemporaryDirectory() as folder, open_run(bare, registry, Path(folder)) as run, _ending(run):
        trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
        share = Share(run.accelerator.process_index, run.accelerator.num_processes)
        registry.hooks.run_started(run=run)
        losses: dict[str, float] = {}
        for step, samples in enumerate(run.data.stream(share).batches(0, steps)):
            losses = trainer.step(step, samples)
            if trainer.first_move is not None:
                check_graft_acts(run.model, collated(samples, recipe, run.model, run.accelerator.device))
            registry.hooks.step_ended(run=run, step=step + 1, losses=losses)
        return losses


@contextmanager
def _ending(run: Run) -> Iterator[None]:
    """Tell plugins when the run is over, well or not."""
    error: BaseException | None = None
    try:
        yield
    except BaseException as caught:
        error = caught
        raise
    finally:
        run.registry.hooks.run_ended(run=run, error=error)


def _train(run: Run, resume: bool, name: str) -> None:
    recipe, accelerator = run.recipe, run.accelerator
    optimizer = make_optimizer(run.model.graft.bank, recipe.train.optimizer)
    found = checkpoints(run.folder) if resume else []
    first = load_checkpoint(run, found[-1], optimizer) if found else 0
    if run.is_main:
        _begin_folder(run, first, name)
    stream = run.data.stream(Share(accelerator.process_index, accelerator.num_processes))
    trainer = Trainer(run, optimizer)
    run.registry.hooks.run_started(run=run)
    progress = Progress(recipe.train.steps, list(recipe.tasks), first, shown=run.is_main)
    with progress, StopRequest(gentle=accelerator.num_processes == 1) as stop:
        for line in (*unscored(recipe), *run.data.problem_lines([TRAIN, recipe.eval.split, final_split(recipe)])):
            progress.message(line)
        for step, samples in enumerate(stream.batches(first, recipe.train.steps), start=first):
            losses = trainer.step(step, samples)
            if step == trainer.first_move:
                check_graft_acts(run.model, collated(samples, recipe, run.model, accelerator.device))
            _after_step(run, step + 1, losses, progress)
            if _due(recipe.train.checkpoint_every, step + 1) or step + 1 == recipe.train.steps or stop.asked:
                if run.is_main:
                    save_checkpoint(run, step + 1, optimizer)
                accelerator.wait_for_everyone()
            if stop.asked:
                raise KeyboardInterrupt
    run.data.log.finish()


def _begin_folder(run: Run, first: int, name: str) -> None:
    """The recipe as it is now; what was logged after the checkpoint is cut away, to be logged again."""
    write_text(run.folder / "recipe.yaml", dump_recipe(run.recipe))
    write_json(run.folder / "environment.json", environment(first_name(run.folder, name), run.registry))
    run.scalars.resume(first)


def _after_step(run: Run, step: int, losses: dict[str, float], progress: Progress) -> None:
    recipe = run.recipe
    rate = rate_at(step - 1, recipe.train)
    run.registry.hooks.step_ended(run=run, step=step, losses=losses)
    progress.step(step, losses, rate)
    if run.is_main and (step % recipe.train.log_every == 0 or step in (1, recipe.train.steps)):
        values = {f"train/{task}/loss": loss for task, loss in losses.items()}
        run.scalars.log(step, values | {"train/rate": rate})
    if _due(recipe.eval.every, step) and step < recipe.train.steps:
        _evaluate(run, step, progress)


def _evaluate(run: Run, step: int, progress: Progress) -> None:
    scores = evaluate_run(run, run.recipe.eval.split, run.recipe.eval.limit, step)
    values = {
        f"eval/{task}/{metric}": float(value)
        for task, report in scores.items()
        for metric, value in report.items()
        if isinstance(value, int | float) and metric != "n"
    }
    if run.is_main:
        run.scalars.log(step, values)
    progress.message("  ".join(f"{name.removeprefix('eval/')} {value:.3f}" for name, value in values.items()))


def _due(every: int | None, step: int) -> bool:
    return every is not None and step % every == 0
