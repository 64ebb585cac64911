"""Scoring a whole run: every task, its predictions, its controls, and `results.json`."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from multigraft.core.atomic import write_json, write_text, writing
from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.modalities import kinds_by_ending
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.seeding import seeded
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.controls import CONTROLS, ControlledReader
from multigraft.core.evaluation.graft_of_control import graft_of, reads_what_is_left_out
from multigraft.core.evaluation.left_out import LeftOutSamples, by_reason, lines, without
from multigraft.core.evaluation.scoring import HeldOutLoss, Scorer, ask_all
from multigraft.core.interfaces.evaluator import SaidRow
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.splits import splits_of
from multigraft.core.run.distributed import gather_rows
from multigraft.core.run.open_run import OpenRun
from multigraft.core.run.progress_bar import ProgressBar
from multigraft.core.suggest import did_you_mean
from multigraft.core.trunk.sharding import whole_layers
from multigraft.core.types.prediction import Prediction

if TYPE_CHECKING:
    from accelerate import Accelerator

_SEED_BITS = 63


def evaluate_run(run: OpenRun, split: str, limit: int | None, step: int) -> dict[str, Any]:
    """Scores of all tasks that have the split, their loss among them; `{TASK: {METRIC: value, ..., "loss": value}}`."""
    scores: dict[str, Any] = {}
    for name, options in run.recipe.tasks.items():
        if split in options.data:
            loss = HeldOutLoss()
            with run.times.spending(f"score/{split}"):
                rows = task_predictions(run, name, split, limit, loss=loss)
                scores[name] = _measured(run, name, rows, loss, whole=False) | _loss(name, loss)
            run.registry.hooks.evaluated(run=run, step=step, task=name, scores=scores[name])
    return scores


def final_results(
    run: OpenRun, split: str, controls: Sequence[str], losses: bool = False, step: int | None = None
) -> dict[str, Any]:
    """Score everything at the end: `run.results`, and `predictions/TASK.jsonl`.

    Args:
        losses: compute the tasks' losses too.
        step: how many steps were made; all of the recipe if left out.

    Returns:
        What `evaluate_run` gives.
    """
    check_controls(controls)
    made = run.recipe.train.steps if step is None else step
    tasks: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for name, options in run.recipe.tasks.items():
        if split not in options.data:
            continue
        loss, alone = HeldOutLoss(), _says_nothing(run, name)
        with run.times.spending(f"score/{split}"):
            limit = run.recipe.eval.final_limit
            found = task_predictions(run, name, split, limit, loss=loss if losses or alone else None)
            rows = Scorer(options, run.registry).with_scores(found)
            tasks[name] = _measured(run, name, rows, loss)
        told[name] = tasks[name] | (_loss(name, loss) if losses else {})
        run.registry.hooks.evaluated(run=run, step=made, task=name, scores=told[name])
        if run.is_main:
            write_predictions(run.folder / "predictions" / f"{name}.jsonl", rows)
    run.results["tasks"] = run.results.get("tasks", {}) | tasks
    run.results["split"] = split
    for control in controls:
        with run.times.spending(f"score/{control}"):
            scores, left_out = score_control(run, control, split)
        run.results.setdefault("controls", {})[control] = scores
        run.results.setdefault("left_out", {})[control] = left_out
        for line in lines(control, scores, left_out) if run.is_main else ():
            print(line, file=sys.stderr)
    return told


def _says_nothing(run: OpenRun, task: str) -> bool:
    return run.model.evaluators[task].says == "nothing"


def _measured(
    run: OpenRun, task: str, rows: Sequence[Prediction], loss: HeldOutLoss, whole: bool = True
) -> dict[str, Any]:
    """Scores of a task, or its loss alone where its evaluator says nothing.

    Args:
        whole: by source and type too.
    """
    if _says_nothing(run, task):
        return {"n": loss.rows} | _loss(task, loss)
    scorer = Scorer(run.recipe.tasks[task], run.registry)
    return scorer.scores(rows) if whole else scorer.summary(rows)


def _loss(task: str, loss: HeldOutLoss) -> dict[str, float]:
    if loss.missing:
        print(f"task '{task}' has no loss on held-out samples: {loss.missing}", file=sys.stderr)
    return {} if loss.value is None else {"loss": loss.value}


def control_scores(run: OpenRun, control: str, split: str) -> dict[str, Any]:
    """Scores of the tasks that a control changes; each names the samples that it cannot change in `left_out`.

    Raises:
        MultigraftError: there is no such control.
    """
    return score_control(run, control, split)[0]


def score_control(run: OpenRun, control: str, split: str) -> tuple[dict[str, Any], dict[str, LeftOutSamples]]:
    """As `control_scores`, and the tasks of which a control changes no sample."""
    check_controls([control])
    scores: dict[str, Any] = {}
    left_out: dict[str, LeftOutSamples] = {}
    with graft_of(run, CONTROLS[control]) as controlled:
        for name in (name for name, options in run.recipe.tasks.items() if split in options.data):
            report, left = _under_control(controlled, name, split, control)
            if report is None:
                left_out[name] = left
            else:
                scores[name] = report | ({"left_out": left} if left else {})
    return scores, left_out


def _under_control(run: OpenRun, name: str, split: str, control: str) -> tuple[dict[str, Any] | None, LeftOutSamples]:
    """Scores of a task, None where the control changes no sample of it; and the samples that it leaves out."""
    if CONTROLS[control].frames is not None and not run.data.has_kind(name, split, "video"):
        return None, _whole_split(run, name, split, "no video")
    if CONTROLS[control].media == "none" and run.model.evaluators[name].says == "features":
        return None, _whole_split(run, name, split, "its evaluator holds texts against media")
    if CONTROLS[control].graft == "none" and reads_what_is_left_out(run, name, split):
        return None, _whole_split(run, name, split, "its head is in the graft")
    loss = HeldOutLoss()
    rows, left = _controlled_rows(run, name, split, control, loss if _says_nothing(run, name) else None)
    if left and not rows and not loss.rows:
        return None, left
    return _measured(run, name, rows, loss), left


def _whole_split(run: OpenRun, name: str, split: str, reason: str) -> LeftOutSamples:
    return {reason: {"n": run.data.source(name, split).size, "annotations": []}}


def _controlled_rows(
    run: OpenRun, name: str, split: str, control: str, loss: HeldOutLoss | None
) -> tuple[list[Prediction], LeftOutSamples]:
    kinds = kinds_by_ending(run.data.inputs)
    reader = ControlledReader(run.data.reader, CONTROLS[control], run.recipe.train.seed, kinds)
    rows = task_predictions(run, name, split, run.recipe.eval.control_limit, reader, control, loss)
    left_out = gather_rows(run.accelerator, reader.left_out)
    return without(rows, left_out), by_reason(left_out)


def task_predictions(
    run: OpenRun,
    name: str,
    split: str,
    limit: int | None,
    reader: SampleReader | None = None,
    control: str = "",
    loss: HeldOutLoss | None = None,
) -> list[Prediction]:
    """All predictions of a task, from all processes, with a bar that names task and control.

    What objectives draw for a loss, such as negatives, is the same whenever and under whatever control it is scored.

    Args:
        loss: filled with the task's loss over the samples of all processes.
    """
    options, accelerator = run.recipe.tasks[name], run.accelerator
    samples = EvaluationSamples(
        run.data.source(name, split),
        reader or run.data.reader,
        run.data.log,
        limit=limit,
        threads=run.data.threads,
        rank=run.rank,
    )
    own: list[SaidRow] = []
    evaluator, task = run.model.evaluators[name], run.data.tasks[name]
    torch.manual_seed(seeded("score", run.recipe.train.seed, name) % 2**_SEED_BITS)
    label = f"scoring {name}, {control}" if control else f"scoring {name}"
    with ProgressBar(label, shown=run.is_main) as bar, whole_layers(run.model.backbone):
        for row in ask_all(run.model, options, samples, run.recipe.eval.batch, accelerator.device, loss):
            own.append(row)
            bar.update(len(own) + samples.left_out, samples.total)
        bar.finish(samples.total)
    run.data.log.exchange()
    return list(evaluator.predictions(task, _of_all(accelerator, own, loss)))


def _of_all(accelerator: "Accelerator", own: list[SaidRow], loss: HeldOutLoss | None) -> list[SaidRow]:
    """The rows of all processes in the order of their ids; those of a single one as they are."""
    if accelerator.num_processes == 1:
        return own
    if loss is not None:
        whole = sum(gather_rows(accelerator, [loss]), HeldOutLoss())
        loss.sums, loss.rows, loss.missing = whole.sums, whole.rows, whole.missing
    return sorted(gather_rows(accelerator, own), key=lambda row: row.annotation.id)


def check_controls(names: Iterable[str]) -> None:
    """Refuse names that are no control.

    Raises:
        MultigraftError: with the nearest name.
    """
    for name in names:
        if name not in CONTROLS:
            raise MultigraftError(f"no control named {name!r}; {did_you_mean(name, CONTROLS)}")


def check_split(recipe: Recipe, split: str) -> None:
    """Refuse a split that no task has.

    Raises:
        MultigraftError: with the nearest name.
    """
    known = splits_of(recipe)
    if split not in known:
        raise MultigraftError(f"no task has a split {split!r}; {did_you_mean(split, known)}")


def write_predictions(path: Path, rows: Iterable[Prediction]) -> None:
    """`predictions/TASK.jsonl`, one row an annotation."""
    with writing(path):
        path.parent.mkdir(exist_ok=True)
    write_text(path, "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows))


def read_predictions(path: Path) -> list[Prediction]:
    """The rows that `write_predictions` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [Prediction.from_json(json.loads(line)) for line in lines]


def write_results(run: OpenRun) -> None:
    """`results.json`."""
    write_json(run.folder / "results.json", run.results)
