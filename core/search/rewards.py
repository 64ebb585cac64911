"""What a draw is worth: scores of its values on a batch of the search split."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import torch

from multigraft.core.data.collate import collate
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.scoring import HeldOutLoss, Scorer
from multigraft.core.interfaces.evaluator import SaidRow
from multigraft.core.model.rows import row_maker
from multigraft.core.types.batch import Batch
from multigraft.core.types.sample import Sample

if TYPE_CHECKING:
    from multigraft.core.search.arm_runs import ArmRun

_PERCENT = 100.0


def batches_of(arm: "ArmRun", samples: Sequence[Sample]) -> list[Batch]:
    """The samples as mixed batches of at most `eval.batch`, prepared as an arm's objectives want it."""
    recipe, device = arm.run.recipe, arm.run.accelerator.device
    rows = list(row_maker(arm.run.model, recipe.tasks, recipe.train.seed).rows(samples))
    starts = range(0, len(rows), recipe.eval.batch)
    return [collate(rows[at : at + recipe.eval.batch], list(recipe.tasks)).to(device) for at in starts]


def rewards(arm: "ArmRun", batches: Sequence[Batch], kind: Literal["metric", "loss"]) -> dict[str, float]:
    """In percent, by task of the batches; without dropout.

    Raises:
        MultigraftError: a task has no metric that can be read off a batch.
    """
    return _of_metrics(arm, batches) if kind == "metric" else _of_losses(arm, batches)


def _of_losses(arm: "ArmRun", batches: Sequence[Batch]) -> dict[str, float]:
    found: dict[str, HeldOutLoss] = {}
    with torch.no_grad():
        for batch in batches:
            for task, losses in arm.run.model.losses(batch, False).items():
                found.setdefault(task, HeldOutLoss()).add(losses)
    values = {task: loss.value for task, loss in found.items()}
    return {task: _PERCENT * math.exp(-value) for task, value in values.items() if value is not None}


def _of_metrics(arm: "ArmRun", batches: Sequence[Batch]) -> dict[str, float]:
    run, said = arm.run, _said(arm, batches)
    found: dict[str, float] = {}
    for task, rows in said.items():
        predictions = list(run.model.evaluators[task].predictions(run.data.tasks[task], rows))
        score = Scorer(run.recipe.tasks[task], run.registry).main(predictions)
        if score is None:
            raise MultigraftError(f"task '{task}' has no score on a batch; say `search.reward: loss`")
        found[task] = _PERCENT * score
    return found


def _said(arm: "ArmRun", batches: Sequence[Batch]) -> dict[str, list[SaidRow]]:
    """What the evaluators say of the rows of each task."""
    found: dict[str, list[SaidRow]] = {}
    for batch in batches:
        every = arm.run.model.answers(batch)
        for segment in batch.segments:
            own = zip(batch.samples[segment.rows], every[segment.rows], strict=True)
            found.setdefault(segment.task, []).extend(SaidRow(sample.annotation, said) for sample, said in own)
    return found


def of_choices(by_task: Mapping[str, float], tasks: Sequence[Sequence[str]]) -> tuple[float | None, ...]:
    """The mean over the tasks that each choice is scored by, None where the batch has none of them."""
    known = [[by_task[task] for task in own if task in by_task] for own in tasks]
    return tuple(sum(own) / len(own) if own else None for own in known)
