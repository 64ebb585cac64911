"""Scores of a task on held-out samples: answer, then measure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import torch

from multigraft.core.config.sections import TaskOptions
from multigraft.core.data.batch import Sample
from multigraft.core.data.collate import collate
from multigraft.core.interfaces.metric import Metric, Prediction
from multigraft.core.interfaces.task import Task
from multigraft.core.model import Model
from multigraft.core.registry import Registry


@dataclass(frozen=True)
class Scorer:
    """Makes fresh metrics of one task, the main one first."""

    options: TaskOptions
    registry: Registry

    def metrics(self) -> list[Metric]:
        """Metrics that have seen nothing."""
        return [self.registry.build("metrics", options) for options in self.options.metrics]

    def summary(self, predictions: Sequence[Prediction]) -> dict[str, Any]:
        """All scores with `n` and `facts`."""
        return _measured(predictions, self.metrics())

    def scores(self, predictions: Sequence[Prediction]) -> dict[str, Any]:
        """The summary, all scores by source, and the main metric by type."""
        by_source, by_type = _groups(predictions, "source"), _groups(predictions, "type")
        return self.summary(predictions) | {
            "by_source": {name: self.summary(rows) for name, rows in by_source.items()},
            "by_type": {name: _measured(rows, self.metrics()[:1]) for name, rows in by_type.items()},
        }

    def with_scores(self, predictions: Iterable[Prediction]) -> list[Prediction]:
        """The rows with the main metric's score of each alone."""
        main = self.metrics()[0]
        return [replace(each, score=main.score(each)) for each in predictions]


def _measured(predictions: Sequence[Prediction], metrics: Sequence[Metric]) -> dict[str, Any]:
    report: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for metric in metrics:
        for prediction in predictions:
            metric.update(prediction)
        report.update(metric.compute())
        facts.update(metric.facts())
    report["n"] = len(predictions)
    return report | ({"facts": facts} if facts else {})


def _groups(predictions: Sequence[Prediction], field: Literal["source", "type"]) -> dict[str, list[Prediction]]:
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(getattr(prediction, field), []).append(prediction)
    return {name: rows for name, rows in sorted(groups.items()) if name}


def predict(
    model: Model, task: Task, options: TaskOptions, samples: Iterable[Sample], batch: int, device: torch.device
) -> Iterator[Prediction]:
    """Answer every sample, in order."""
    rest = iter(samples)
    while chunk := list(islice(rest, batch)):
        for sample, output in zip(chunk, answers(model, options, chunk, device), strict=True):
            shown = tuple(f"{sample.origin}.{field}" for field in sample.annotation.media)
            yield replace(task.prediction(sample.annotation, output), media=shown)


def answers(model: Model, options: TaskOptions, samples: Sequence[Sample], device: torch.device) -> list[str]:
    """One output text a sample; all samples are of one task."""
    name = samples[0].task
    limits: tuple[Mapping[str, int], Mapping[str, int]] = ({name: options.text_limit}, {name: options.target_limit})
    batch = collate(samples, model.backbone, *limits, [name]).to(device)
    return model.answers(batch, {name: options.decoding})
