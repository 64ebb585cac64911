"""Scores of a task on held-out samples: answer, then measure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import torch

from multigraft.core.data.collate import collate
from multigraft.core.data.tokens import tokenize_targets
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.evaluator import Said, SaidRow
from multigraft.core.interfaces.metric import Metric
from multigraft.core.model.rows import row_maker
from multigraft.core.model.task_objective import ObjectiveLoss
from multigraft.core.options.options import TaskOptions
from multigraft.core.registry.registry import Registry
from multigraft.core.types.batch import Batch, Segment
from multigraft.core.types.prediction import Prediction
from multigraft.core.types.sample import Sample

if TYPE_CHECKING:
    from multigraft.core.model.model import Model


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

    def main(self, predictions: Sequence[Prediction]) -> float | None:
        """The first value of the main metric; None where it has none."""
        main = self.metrics()[0]
        for prediction in predictions:
            main.update(prediction)
        return next(iter(main.compute().values()), None)

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
    """Scores by name, `n`, `counts` of the scores that rest on another number, and `facts`.

    Where two metrics give one name, the second is called `NAME-2`; where their facts differ, after its first score.
    """
    report: dict[str, Any] = {}
    counts: dict[str, int] = {}
    facts: dict[str, Any] = {}
    for metric in metrics:
        for prediction in predictions:
            metric.update(prediction)
        scores = metric.compute()
        names = {name: _free(name, report) for name in scores}
        report |= {names[name]: value for name, value in scores.items()}
        counts |= {names[name]: count for name, count in metric.counts().items() if name in names}
        main = next(iter(names.values()), type(metric).__name__)
        for name, value in metric.facts().items():
            facts[name if facts.get(name, value) == value else f"{main} {name}"] = value
    cut = Counter(name for prediction in predictions for name in prediction.facts.get("cut", ()))
    if cut:
        facts["cut"] = dict(sorted(cut.items()))
    report["n"] = len(predictions)
    own = {name: count for name, count in counts.items() if count != len(predictions)}
    return report | ({"counts": own} if own else {}) | ({"facts": facts} if facts else {})


def _free(name: str, taken: Mapping[str, Any]) -> str:
    candidates = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in candidates if each not in taken and each not in _RESERVED)


_RESERVED = ("n", "loss", "counts", "facts", "by_source", "by_type")
"""Keys of a task's report that are no scores."""


def _groups(predictions: Sequence[Prediction], field: Literal["source", "type"]) -> dict[str, list[Prediction]]:
    """Rows by source or type; empty where none is named, else those without one are a group of their own."""
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(getattr(prediction, field), []).append(prediction)
    return {} if set(groups) <= {""} else {name or "(none)": rows for name, rows in sorted(groups.items())}


@dataclass
class HeldOutLoss:
    """The loss of one task over held-out samples, by the denominators of all of them together."""

    sums: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Weight, sum and denominator of each objective."""
    rows: int = 0
    missing: str = ""
    """Why there is none."""

    def add(self, losses: Sequence[ObjectiveLoss]) -> None:
        """Take those of a batch."""
        own = {loss.name: (loss.weight, loss.sum.item(), loss.denominator) for loss in losses}
        self.sums = (self + HeldOutLoss(own)).sums

    def __add__(self, other: "HeldOutLoss") -> "HeldOutLoss":
        """Over the samples of both."""
        nothing = (0.0, 0.0, 0.0)
        pairs = {
            name: (self.sums.get(name, nothing), other.sums.get(name, nothing)) for name in {**self.sums, **other.sums}
        }
        sums = {name: (max(a[0], b[0]), a[1] + b[1], a[2] + b[2]) for name, (a, b) in pairs.items()}
        return HeldOutLoss(sums, self.rows + other.rows, self.missing or other.missing)

    @property
    def value(self) -> float | None:
        """The weighted sum of the objectives' means; None where there is none."""
        if self.missing or not self.sums or any(denominator <= 0 for _, _, denominator in self.sums.values()):
            return None
        return sum(weight * total / denominator for weight, total, denominator in self.sums.values())


def ask_all(
    model: "Model",
    options: TaskOptions,
    samples: Iterable[Sample],
    batch: int,
    device: torch.device,
    loss: HeldOutLoss | None = None,
) -> Iterator[SaidRow]:
    """What the task's evaluator says about every sample, in order; with `loss`, add up the task's loss there."""
    rest = iter(samples)
    while chunk := list(islice(rest, batch)):
        every, cut = answered(model, options, chunk, device, loss)
        for sample, said, lost in zip(chunk, every, cut, strict=True):
            shown = tuple(f"{sample.origin}.{field}" for field in sample.annotation.media)
            yield SaidRow(sample.annotation, said, shown, tuple(sorted(lost)))


def answered(
    model: "Model",
    options: TaskOptions,
    samples: Sequence[Sample],
    device: torch.device,
    loss: HeldOutLoss | None = None,
) -> tuple[list[Said], list[set[str]]]:
    """What is said about each sample, and what of its input (`context`, `choices`, `question`) or of its `candidates`
    was cut; all samples are of one task. With `loss`, their loss is added there."""
    name = samples[0].task
    batch = collate(row_maker(model, {name: options}).rows(samples), [name]).to(device)
    return _said(model, batch, loss), lost_texts(batch, lambda segment: model)


def lost_texts(batch: Batch, model_of: "Callable[[Segment], Model]") -> list[set[str]]:
    """For each row of a batch, what of its input or of its `candidates` was cut."""
    cut = [set(each) - {"target"} for each in batch.cut]
    for segment in batch.segments:
        model, task = model_of(segment), segment.task
        backbone = model.writing(task)
        if (most := backbone.longest.output) is None:
            continue
        given = [model.evaluators[task].candidates(sample.example) for sample in batch.samples[segment.rows]]
        shortened = {texts for texts in set(given) if texts and any(tokenize_targets(backbone, texts, most)[1])}
        for row, texts in zip(segment.numbers, given, strict=True):
            cut[row] |= {"candidates"} if texts in shortened else set()
    return cut


def _said(model: "Model", batch: Batch, loss: HeldOutLoss | None) -> list[Said]:
    if loss is not None:
        loss.rows += len(batch.samples)
    if loss is None or loss.missing:
        return model.answers(batch)
    try:
        every, losses = model.answers_and_losses(batch)
    except MultigraftError as error:
        loss.missing = str(error)
        return model.answers(batch)
    for own in losses.values():
        loss.add(own)
    return every
