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


def batch_of(arm: "ArmRun", samples: Sequence[Sample]) -> Batch:
    """The samples as a mixed batch, prepared as an arm's objectives want it."""
    recipe = arm.run.recipe
    rows = row_maker(arm.run.model, recipe.tasks, recipe.train.seed).rows(samples)
    return collate(rows, list(recipe.tasks)).to(arm.run.accelerator.device)


def rewards(arm: "ArmRun", batch: Batch, kind: Literal["metric", "loss"]) -> dict[str, float]:
    """In percent, by task of the batch; without dropout.

    Raises:
        MultigraftError: a task has no metric that can be read off a batch.
    """
    return _of_metrics(arm, batch) if kind == "metric" else _of_losses(arm, batch)


def _of_losses(arm: "ArmRun", batch: Batch) -> dict[str, float]:
    found: dict[str, float] = {}
    with torch.no_grad():
        for task, losses in arm.run.model.losses(batch, False).items():
            loss = HeldOutLoss()
            loss.add(losses)
            if loss.value is not None:
                found[task] = _PERCENT * math.exp(-loss.value)
    return found


def _of_metrics(arm: "ArmRun", batch: Batch) -> dict[str, float]:
    run = arm.run
    said = run.model.answers(batch)
    found: dict[str, float] = {}
    for segment in batch.segments:
        task, evaluator = segment.task, run.model.evaluators[segment.task]
        own = zip(batch.samples[segment.rows], said[segment.rows], strict=True)
        rows = [SaidRow(sample.annotation, each) for sample, each in own]
        scorer = Scorer(run.recipe.tasks[task], run.registry)
        score = scorer.main(list(evaluator.predictions(run.data.tasks[task], rows)))
        if score is None:
            raise MultigraftError(f"task '{task}' has no score on a batch; say `search.reward: loss`")
        found[task] = _PERCENT * score
    return found


def of_choices(by_task: Mapping[str, float], tasks: Sequence[Sequence[str]]) -> tuple[float | None, ...]:
    """The mean over the tasks that each choice is scored by, None where the batch has none of them."""
    known = [[by_task[task] for task in own if task in by_task] for own in tasks]
    return tuple(sum(own) / len(own) if own else None for own in known)
