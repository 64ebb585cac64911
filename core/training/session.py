"""A whole training session: open a run, make its steps, checkpoint, score, and close it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from multigraft.core.assembly import allocate, build_model, build_trunk, count
from multigraft.core.config.recipe import Recipe
from multigraft.core.config.writing import dump_recipe
from multigraft.core.data.run_data import RunData
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.stream import Share
from multigraft.core.evaluation.results import evaluate_run, final_results, write_results
from multigraft.core.files import write_json
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.registry import Registry
from multigraft.core.training.checkpoint import latest, load_checkpoint, save_checkpoint
from multigraft.core.training.checks import check_graft_acts
from multigraft.core.training.environment import environment
from multigraft.core.training.loop import Trainer, collated
from multigraft.core.training.optimizer import make_optimizer, rate_at
from multigraft.core.training.count_bar import CountBar
from multigraft.core.training.progress import Progress
from multigraft.core.training.run import Run
from multigraft.core.training.scalars import Scalars, open_loggers


@contextmanager
def open_run(recipe: Recipe, registry: Registry, folder: Path, scalars: Scalars | None = None) -> Iterator[Run]:
    """Build the trunk, the graft and the data of a recipe."""
    from accelerate import Accelerator

    accelerator = Accelerator()
    trunk = build_trunk(recipe, registry)
    model = build_model(recipe, registry, trunk)
    allocate(model, accelerator.device)
    on_disk = folder.is_dir()
    log = SkippedLog(folder / "skipped.jsonl" if on_disk else None, recipe.data.bad_limit)
    data = RunData(recipe, registry, trunk.encoder.transform if trunk.encoder else None, log)
    run = Run(folder, recipe, registry, trunk, model, data, accelerator, scalars or Scalars({}))
    run.results["parameters"] = count(model).to_json()
    try:
        if recipe.data.features and trunk.encoder:
            _store_features(run, trunk.encoder)
        yield run
    finally:
        data.close()
        run.scalars.close()


def train(recipe: Recipe, registry: Registry, folder: Path, resume: bool = False) -> dict[str, Any]:
    """Train into a run folder, or go on with the very next sample of one; returns what results.json holds."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with open_run(recipe, registry, folder, open_loggers(recipe.loggers, registry, folder)) as run:
        error: BaseException | None = None
        try:
            _start_folder(run, resume)
            _train(run, resume)
            run.results["seconds"] = {"train": time.monotonic() - started}
            final_results(run, recipe.eval.final_split or recipe.eval.split, recipe.eval.controls)
            run.results["seconds"]["total"] = time.monotonic() - started
        except BaseException as caught:
            error = caught
            raise
        finally:
            registry.hooks.run_ended(run=run, error=error)
            if error is None and run.is_main:
                write_results(run)
        return run.results


def rehearse(recipe: Recipe, registry: Registry, steps: int = 2) -> dict[str, float]:
    """Real steps that write nothing; the losses of the last."""
    with open_run(recipe, registry, Path("never-written")) as run:
        trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
        losses: dict[str, float] = {}
        for step, samples in enumerate(run.data.stream(Share()).batches(0, steps)):
            losses = trainer.step(step, samples)
            check_graft_acts(run.model, collated(samples, recipe, run.model, run.accelerator.device))
        return losses


def _store_features(run: Run, encoder: VisualEncoder) -> None:
    """The first process encodes; the others then find all of it there."""
    with run.accelerator.main_process_first(), CountBar("encoding media") as bar:
        run.data.store_features(encoder, bar.update)


def _start_folder(run: Run, resume: bool) -> None:
    if run.is_main and not resume:
        (run.folder / "recipe.yaml").write_text(dump_recipe(run.recipe))
        write_json(run.folder / "environment.json", environment(run.registry))


def _train(run: Run, resume: bool) -> None:
    recipe, accelerator = run.recipe, run.accelerator
    optimizer = make_optimizer(run.model.graft.bank, recipe.train.optimizer)
    first = 0
    if resume:
        first = load_checkpoint(run, latest(run.folder), optimizer).step
        run.scalars.resume(first)
    stream = run.data.stream(Share(accelerator.process_index, accelerator.num_processes))
    trainer = Trainer(run, optimizer)
    run.registry.hooks.run_started(run=run)
    with Progress(recipe.train.steps, list(recipe.tasks), first) as progress:
        for step, samples in enumerate(stream.batches(first, recipe.train.steps), start=first):
            losses = trainer.step(step, samples)
            if step == 0:
                check_graft_acts(run.model, collated(samples, recipe, run.model, accelerator.device))
            _after_step(run, step + 1, losses, progress)
            if _due(recipe.train.checkpoint_every, step + 1) or step + 1 == recipe.train.steps:
                if run.is_main:
                    save_checkpoint(run, step + 1, optimizer)
                accelerator.wait_for_everyone()
    run.data.log.finish()


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
