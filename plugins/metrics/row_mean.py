"""A metric that is the mean of a score of each row."""

from abc import abstractmethod

from multigraft.core.interfaces.metric import Metric, Prediction


def mean(scores: list[float]) -> float:
    """Mean of at least one score; the same for every order of the scores."""
    return sum(sorted(scores)) / len(scores)


class RowMean(Metric):
    """Mean over rows of `score`."""

    name: str

    def __init__(self) -> None:
        self._scores: list[float] = []

    @abstractmethod
    def score(self, prediction: Prediction) -> float:
        """Score of one row in [0, 1]."""

    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""
        self._scores.append(self.score(prediction))

    def compute(self) -> dict[str, float]:
        """The mean under the metric's name."""
        return {self.name: mean(self._scores)} if self._scores else {}
