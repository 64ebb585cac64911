"""A whole training session: make the steps of a run, checkpoint, score."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch.optim import Optimizer

from multigraft.core.atomic import write_text
from multigraft.core.data.indexing import unsaved_indices
from multigraft.core.evaluation.results import check_controls, evaluate_run, final_results, write_results
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.spans import StageSpan, span_at
from multigraft.core.recipe.splits import TRAIN, final_split, unscored
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.run.distributed import join_processes, only_run
from multigraft.core.run.least_rows import require_rows
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.run_folder import checkpoints
from multigraft.core.run.run_setup import open_run
from multigraft.core.run.run_start import keep_start, take_start
from multigraft.core.run.times import Times
from multigraft.core.training import step_data
from multigraft.core.training.checkpoint import load_checkpoint, save_checkpoint
from multigraft.core.training.environment import earlier_environment, write_environment
from multigraft.core.training.finished import earlier_results, finished
from multigraft.core.training.graft_acts import check_graft_acts
from multigraft.core.training.interrupt import StopRequest
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer, rate_at
from multigraft.core.training.progress import Progress
from multigraft.core.training.step_data import StepData
from multigraft.core.training.train_lines import TrainLines


def train(
    recipe: Recipe,
    registry: Registry,
    folder: Path,
    resume: bool = False,
    name: str = "",
    times: Times | None = None,
) -> dict[str, Any]:
    """Train into a run folder, or go on with the very next sample of one; returns what results.json holds.

    A finished run is left as it is.

    Args:
        name: what people call the recipe; a run that goes on keeps the name that it began with.
        times: where the time goes, from before on; from now on if left out.
    """
    check_controls(recipe.eval.controls)
    if resume and (done := finished(recipe, registry, folder)) is not None:
        return done
    join_processes(recipe.device)
    with only_run(folder, new=not resume), open_run(recipe, registry, folder, True, times) as run:
        earlier = earlier_results(folder) if resume else {}
        run.recipe = run.data.with_steps()
        with _ending(run):
            _train(run, resume, earlier, name)
            with run.times.spending("score"):
                _score(run, earlier)
            run.results["step"] = run.recipe.train.steps
            run.results["data"] = run.data.log.facts()
            run.results["seconds"] = run.times.of_all_sessions()
        if run.is_main:
            write_results(run)
        return run.results


def rehearse(recipe: Recipe, registry: Registry, steps: int = 2) -> dict[str, float]:
    """Real steps that write nothing: media are decoded, not read from stored features; the losses of the last."""
    bare = recipe.model_copy(update={"data": recipe.data.model_copy(update={"features": False})})
    trunk = build_trunk(recipe, registry)  # it pools as the recipe's features do
    with (
        unsaved_indices(),
        TemporaryDirectory() as folder,
        open_run(bare, registry, Path(folder), trunk=trunk) as run,
        _ending(run),
    ):
        run.recipe = run.data.with_steps()
        require_rows(run)
        take_start(run)
        trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
        registry.hooks.run_started(run=run)
        losses: dict[str, float] = {}
        with closing(step_data.steps(run, 0, steps)) as prepared:
            for step, data in enumerate(prepared):
                losses = trainer.step(step, data)
                if trainer.first_move is not None:
                    _check_graft_acts(run, data)
                registry.hooks.step_ended(run=run, step=step + 1, losses=losses)
        return losses


@contextmanager
def _ending(run: OpenRun) -> Iterator[None]:
    """Tell plugins when the run is over, well or not."""
    error: BaseException | None = None
    try:
        yield
    except BaseException as caught:
        error = caught
        raise
    finally:
        run.registry.hooks.run_ended(run=run, error=error)


def _train(run: OpenRun, resume: bool, earlier: Mapping[str, Any], name: str) -> None:
    recipe, accelerator, times = run.recipe, run.accelerator, run.times
    require_rows(run)
    optimizer, lines = make_optimizer(run.model.graft.bank, recipe.train.optimizer), TrainLines(run)
    found = checkpoints(run.folder) if resume else []
    start = None if found else take_start(run)
    first = load_checkpoint(run, found[-1], optimizer, lines) if found else 0
    beginning = {"recipe": name, **({"start": {"from": recipe.graft.start, **start.facts()}} if start else {})}
    if resume:
        times.go_on(earlier.get("seconds", {}), earlier_environment(run.folder).get("seconds", {}))
    if run.is_main:
        write_text(run.folder / "recipe.yaml", dump_recipe(recipe))
        keep_start(run)
        write_environment(run, beginning)
    lines.begin(first)
    trainer = Trainer(run, optimizer)
    run.registry.hooks.run_started(run=run)
    progress = Progress(recipe.train.steps, list(recipe.tasks), first, times=times, shown=run.is_main)
    stop = StopRequest(gentle=accelerator.num_processes == 1)
    steps = step_data.steps(run, first, recipe.train.steps)
    with closing(steps), times.spending("step"), progress, stop:
        for line in start.lines() if start else ():
            progress.message(f"{recipe.graft.start}: {line}")
        for line in _beginning(run, trainer.spans):
            progress.message(line)
        for step, data in enumerate(_timed(steps, times), start=first):
            span = span_at(step, trainer.spans)
            if len(trainer.spans) > 1 and step in (span.start, first):
                progress.message(f"stage {span.number} of {len(trainer.spans)}: {span.in_words(recipe.tasks)}")
            losses = trainer.step(step, data)
            if step == trainer.first_move:
                _check_graft_acts(run, data)
            _after_step(run, step + 1, losses, trainer.details, data.samples, progress, lines)
            if (step + 1) % recipe.train.checkpoint_steps == 0 or step + 1 == recipe.train.steps or stop.asked:
                _save(run, step + 1, optimizer, lines, beginning)
            if stop.asked:
                raise KeyboardInterrupt
    run.data.log.finish()


def _beginning(run: OpenRun, stages: Sequence[StageSpan]) -> Iterator[str]:
    """What is told before the first step: how long epochs are, and what of the data is not used."""
    recipe = run.recipe
    yield from (f"{each.epochs:,} epochs are {each.steps:,} steps" for each in stages if each.epochs is not None)
    yield from unscored(recipe)
    yield from run.data.problem_lines([TRAIN, recipe.eval.split, final_split(recipe)])


def _save(run: OpenRun, step: int, optimizer: Optimizer, lines: TrainLines, beginning: Mapping[str, Any]) -> None:
    with run.times.spending("save"):
        if run.is_main:
            save_checkpoint(run, step, optimizer, lines)
            write_environment(run, beginning)
        run.accelerator.wait_for_everyone()


def _timed(prepared: Iterator[StepData], times: Times) -> Iterator[StepData]:
    """The data of steps; what passes until they are there is waiting."""
    while True:
        with times.spending("wait"):
            data = next(prepared, None)
        if data is None:
            return
        yield data


def _check_graft_acts(run: OpenRun, data: StepData) -> None:
    """Of the first batch of a step, where this process has one."""
    for batch in data.batches[True][:1]:
        check_graft_acts(run.model, batch.to(run.accelerator.device))


def _after_step(
    run: OpenRun,
    step: int,
    losses: dict[str, float],
    details: dict[str, float],
    samples: int,
    progress: Progress,
    lines: TrainLines,
) -> None:
    recipe = run.recipe
    run.registry.hooks.step_ended(run=run, step=step, losses=losses)
    progress.step(step, losses, rate_at(step - 1, recipe.train), samples)
    lines.step(step, {**losses, **details}, samples)
    if recipe.eval.every is not None and step % recipe.eval.every == 0 and step < recipe.train.steps:
        with progress.away():
            values = _evaluate(run, step)
        progress.message("  ".join(f"{name.removeprefix('eval/')} {value:.3f}" for name, value in values.items()))


def _evaluate(run: OpenRun, step: int) -> dict[str, float]:
    """Score the split of `eval.split`; returns what was logged."""
    with run.times.spending("score"):
        return _log_scores(run, step, evaluate_run(run, run.recipe.eval.split, run.recipe.eval.limit, step))


def _score(run: OpenRun, earlier: Mapping[str, Any]) -> None:
    """Score everything at the end. The curves end with the split that they are of.

    Controls that were scored before, on the same split, are scored anew.
    """
    recipe = run.recipe
    final = final_split(recipe)
    known = earlier.get("controls", {}) if earlier.get("split") == final else {}
    curves = recipe.eval.every is not None and final != recipe.eval.split
    if curves:
        _evaluate(run, recipe.train.steps)
    scores = final_results(run, final, list(dict.fromkeys([*recipe.eval.controls, *known])), losses=not curves)
    if not curves:
        _log_scores(run, recipe.train.steps, scores)


def _log_scores(run: OpenRun, step: int, scores: Mapping[str, Any]) -> dict[str, float]:
    """Hand the scores of a step to the loggers; returns them by their names there."""
    values = {
        f"eval/{task}/{metric}": float(value)
        for task, report in scores.items()
        for metric, value in report.items()
        if isinstance(value, int | float) and metric != "n"
    }
    if run.is_main and values:
        run.scalars.log(step, values)
    return values
