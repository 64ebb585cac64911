"""Which graft a control scores: the trained one, that of the start, or none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import torch

from multigraft.core.data.collate import collate
from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.graft.attach import adopted
from multigraft.core.graft.left_out_module import LeftOutModuleError
from multigraft.core.model.rows import row_maker
from multigraft.core.model.trained_trunk import trained_in_place
from multigraft.core.model.trunk import build_trunk
from multigraft.core.run.run_start import take_start
from multigraft.core.trunk.sharding import whole_layers

if TYPE_CHECKING:
    from multigraft.core.evaluation.controls import Control
    from multigraft.core.run.open_run import OpenRun


@contextmanager
def graft_of(run: "OpenRun", control: "Control") -> Iterator["OpenRun"]:
    """The run with the graft that a control scores; what was trained is back behind the block."""
    if control.graft == "trained":
        yield run
        return
    bank = run.model.graft.bank
    saved, teacher = bank.snapshot(), bank.teacher
    try:
        _load_trunk_again(run)
        if control.graft == "start":
            _restart(run)
            yield run
        else:
            yield replace(run, model=run.model.without_graft())
    finally:
        bank.restore(saved)
        bank.teacher = teacher


def _load_trunk_again(run: "OpenRun") -> None:
    """What is trained in place gets the values of a fresh trunk."""
    bank = run.model.graft.bank
    if bank.adopted:
        for name, module in trained_in_place(run.recipe, build_trunk(run.recipe, run.registry)).items():
            bank.restore(adopted(name, module))


def _restart(run: "OpenRun") -> None:
    """Graft and teacher get the values that training began with."""
    bank = run.model.graft.bank
    bank.restart()
    if bank.teacher:
        bank.add_teacher()
    take_start(run)


def reads_what_is_left_out(run: "OpenRun", task: str, split: str) -> bool:
    """Whether a task's answers, or its loss where it has no others, need a module that this run's model is without.

    Its first sample is tried, by all processes alike.
    """
    source, log = run.data.source(task, split), SkippedLog(None, 1.0)
    samples = list(islice(EvaluationSamples(source, run.data.reader, log, threads=1), 1))
    if not samples:
        return False
    batch = collate(row_maker(run.model, {task: run.recipe.tasks[task]}).rows(samples), [task])
    nothing_else = run.model.evaluators[task].says == "nothing"
    with torch.no_grad(), whole_layers(run.model.backbone):
        try:
            (run.model.answers_and_losses if nothing_else else run.model.answers)(batch.to(run.accelerator.device))
        except LeftOutModuleError:
            return True
    return False
