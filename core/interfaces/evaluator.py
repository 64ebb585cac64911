"""Evaluator: what a trained graft is asked on held-out rows and by `predict`, and the predictions that come of it.

A component's `build(options, objectives=(Objective, ...)) -> Evaluator`, given the objectives of its task. It has no
part in training.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.objective import TaskBatch, TaskOutputs
from multigraft.core.interfaces.task import Task
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.need import Need
from multigraft.core.types.prediction import Answer, Prediction
from multigraft.core.types.sample import TextPair


@dataclass(frozen=True)
class Said:
    """What the model said about one row."""

    text: str = ""
    score: float | None = None
    """Log-probability of the text, where the evaluator computes it."""
    others: tuple[Answer, ...] = ()
    """Answers that came behind it with their log-probabilities, best first."""
    ranked: tuple[tuple[str, float], ...] = ()
    """Ids with their scores, best first."""
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Vectors `(width,)` by what they stand for: `text`, `media`."""


@dataclass(frozen=True)
class SaidRow:
    """What was said about one annotation of a split."""

    annotation: Annotation
    said: Said
    media: tuple[str, ...] = ()
    """`SHARD#KEY.FIELD` of each medium."""
    cut: tuple[str, ...] = ()
    """What of its texts a limit has cut."""


class Evaluator(ABC):
    """How a task's rows are answered."""

    needs: Collection[Need] = ()
    """What `answer` reads of the trunk; nothing else is computed."""
    says: Literal["texts", "features", "nothing"] = "texts"
    """What it says of a row. Only texts answer a question of `predict`; where it says nothing, a task has its held-out
    loss and no scores."""

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """Why it cannot work over this backbone; None where it can. Said by `check`."""
        return None

    def lacks(self, example: TextPair) -> str:
        """What it needs and an example has not, such as `choices`; empty if it has all. Counted by `check`."""
        return ""

    def candidates(self, example: TextPair) -> tuple[str, ...]:
        """Texts that are scored for an example; the engine tells where the backbone has no positions for all of one."""
        return ()

    @abstractmethod
    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """What is said about each row."""

    def score(self, rows: TaskBatch, outputs: TaskOutputs, texts: Sequence[Sequence[str]]) -> list[list[float]]:
        """Log-probability of each row's texts as its answer.

        Raises:
            MultigraftError: a text cannot be an answer.
        """
        found: list[list[float]] = outputs.score(texts).tolist()
        return [row[: len(own)] for row, own in zip(found, texts, strict=True)]

    def predictions(self, task: Task, rows: Sequence[SaidRow]) -> Iterable[Prediction]:
        """The rows of `predictions/TASK.jsonl`, from what was said about the whole split on all processes."""
        return [prediction_of(task, row) for row in rows]


def prediction_of(task: Task, row: SaidRow) -> Prediction:
    """The task's prediction of a row, with the scores that the evaluator gave."""
    said = row.said
    made = task.prediction(row.annotation, said.text)
    facts = {**made.facts, "cut": list(row.cut)} if row.cut else made.facts
    return replace(made, media=row.media, confidence=said.score, others=said.others, ranked=said.ranked, facts=facts)
