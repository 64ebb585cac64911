"""Answers to all annotations of shards, whether or not these say what would be right: for test sets."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from multigraft.core.data.evaluation_samples import EvaluationSamples
from multigraft.core.data.media_limit import MediaLimit
from multigraft.core.data.reader import SampleReader
from multigraft.core.data.skipped import SkippedLog
from multigraft.core.data.source import TaskSource, open_source
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.evaluation.loaded import Loaded
from multigraft.core.evaluation.scoring import ask_all
from multigraft.core.interfaces.evaluator import SaidRow
from multigraft.core.interfaces.task import Task
from multigraft.core.model.devices import device_of
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.prediction import Prediction
from multigraft.core.types.sample import TextPair

_SPLIT = "shards"


class _Asking(Task):
    """A task whose examples have no target, so that no answer need be known."""

    def __init__(self, task: Task) -> None:
        self._task, self.reads_media = task, task.reads_media

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        return self._task.ask(annotation)


def shard_predictions(
    graft: Loaded,
    task: str,
    shards: Sequence[str],
    check: Callable[[Sequence[Prediction]], None],
    log: SkippedLog,
    report: Callable[[int, int], None],
) -> list[Prediction]:
    """What a graft says about every annotation of shards that is for a task, in their order.

    Args:
        shards: paths or patterns.
        check: called with all that will be asked, without outputs, before anything is.
        log: takes what could not be asked.
        report: called with how many were asked, and how many there are.

    Raises:
        MultigraftError: no such shards, nothing in them for the task, or an evaluator that answers no questions.
    """
    model, recipe = graft.model, graft.saved.recipe
    evaluator, options = model.evaluators[task], recipe.tasks[task]
    if evaluator.says != "texts":
        raise MultigraftError(f"task {task!r} has the evaluator `{options.evaluator.kind}`, which answers no questions")
    asked = options.model_copy(update={"data": {_SPLIT: list(shards)}, "sources": None})
    source = open_source(task, _Asking(graft.tasks[task]), asked, _SPLIT, Path(), log)
    check([*_unanswered(source)])
    limits = {task: MediaLimit.of(graft.reader.inputs, model.most_images(task))}
    reader = SampleReader(graft.reader.decoder if recipe.trunk.modalities else None, limits)
    samples, rows = EvaluationSamples(source, reader, log), list[SaidRow]()
    for row in ask_all(model, options, samples, recipe.eval.batch, device_of(recipe.device)):
        rows.append(row)
        report(len(rows) + samples.left_out, samples.total)
    return list(evaluator.predictions(graft.tasks[task], rows))


def _unanswered(source: TaskSource) -> Iterator[Prediction]:
    """The annotations of a source that can be read, as predictions without an output."""
    for place in source.places():
        shard, row = source.locate(place)
        with suppress(BadSample):
            asked = shard.annotation(row)
            yield Prediction(asked.id, "", (), source=asked.source, choices=asked.choices)
