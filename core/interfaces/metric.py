"""Metric: predictions and references to scores.

A component's `build(options) -> Metric`. Scores are fractions (0 to 1), except CIDEr, which is given as pycocoevalcap
gives it. Everything a metric needs is in `Prediction`, the row of `predictions/TASK.jsonl`, so that all scores can be
computed again from that file.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A reference answer with its soft score in [0, 1]."""

    text: str
    score: float = 1.0


@dataclass(frozen=True)
class Prediction:
    """What the model said about one annotation, beside what it should have said."""

    id: str
    output: str
    references: tuple[str, ...]
    """Texts to compare with: captions, or the answers of all annotators, repeats kept."""
    answers: tuple[Answer, ...] = ()
    """Soft-scored answers, where the data has them."""
    source: str = ""
    type: str = ""
    text: str = ""
    """The input text without the task's prefix: the question or the statement."""
    choices: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    """`SHARD#KEY.FIELD` of each medium, for reports."""
    score: float | None = None
    """The task's main metric for this row alone, where it has one."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Prediction":
        """The row that `to_json` wrote."""
        known = dict(row)
        known["answers"] = tuple(Answer(**answer) for answer in known.get("answers", ()))
        for name in ("references", "choices", "media"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)


class Metric(ABC):
    """Collects predictions of one task, then computes one or several named scores."""

    @abstractmethod
    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Scores by name, such as `{"accuracy": 0.91}`; empty if nothing was seen."""

    def score(self, prediction: Prediction) -> float | None:
        """Score of one prediction alone in [0, 1], or None where the metric has no such thing."""
        return None

    def counts(self) -> Mapping[str, int]:
        """What a score rests on where that is not every prediction seen: `{NAME: number}`, such as unique sentences."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What a reader needs to compare the score: tokeniser, corpus size. Goes into results.json beside it."""
        return {}
