"""A metric that is the mean of a score of each row."""

from abc import abstractmethod
from typing import Any

from multigraft import Metric, Prediction


def mean(scores: list[float]) -> float:
    """Mean of at least one score; the same for every order of the scores."""
    return sum(sorted(scores)) / len(scores)


def own_references(prediction: Prediction) -> tuple[str, ...]:
    """The references, unless they only repeat the texts of `answers`, whose scores say more."""
    soft_texts = tuple(answer.text for answer in prediction.answers)
    return () if prediction.references == soft_texts else prediction.references


class RowMean(Metric):
    """Mean over rows of `score`."""

    name: str

    def __init__(self) -> None:
        self._scores: list[float] = []
        self._without_references = 0

    @abstractmethod
    def score(self, prediction: Prediction) -> float:
        """Score of one row in [0, 1]."""

    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""
        self._without_references += not (prediction.references or prediction.answers)
        self._scores.append(self.score(prediction))

    def compute(self) -> dict[str, float]:
        """The mean under the metric's name."""
        return {self.name: mean(self._scores)} if self._scores else {}

    def facts(self) -> dict[str, Any]:
        """How many rows had nothing to compare with, if any; their score is 0."""
        return {"without_references": self._without_references} if self._without_references else {}
