"""Accuracy for each type of question, and the mean over types."""

from typing import Any

from multigraft import Metric, Prediction
from multigraft.plugins.metrics.exact_match import ExactMatch
from multigraft.plugins.metrics.options import AccuracyByTypeOptions
from multigraft.plugins.metrics.row_mean import RowMean, mean
from multigraft.plugins.metrics.vqa_accuracy import VqaAccuracy

_ROW_SCORES: dict[str, type[RowMean]] = {"exact-match": ExactMatch, "vqa-accuracy": VqaAccuracy}


class AccuracyByType(Metric):
    """`accuracy/TYPE` for each type, and `accuracy-by-type`, their mean in which each type counts alike.

    Rows without a type are `accuracy/untyped`.
    """

    def __init__(self, of: str = "exact-match") -> None:
        self._of = of
        self._row_score = _ROW_SCORES[of]()
        self._scores: dict[str, list[float]] = {}

    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""
        self._scores.setdefault(prediction.type or "untyped", []).append(self._row_score.score(prediction))

    def compute(self) -> dict[str, float]:
        """Accuracies by type, in alphabetical order, after their mean."""
        if not self._scores:
            return {}
        by_type = {f"accuracy/{name}": mean(scores) for name, scores in sorted(self._scores.items())}
        return {"accuracy-by-type": mean(list(by_type.values()))} | by_type

    def score(self, prediction: Prediction) -> float:
        """Accuracy of one row."""
        return self._row_score.score(prediction)

    def counts(self) -> dict[str, int]:
        """The rows of each type."""
        return {f"accuracy/{name}": len(scores) for name, scores in sorted(self._scores.items())}

    def facts(self) -> dict[str, Any]:
        """Which accuracy it is, and the rows of each type."""
        return {"of": self._of, "types": {name: len(scores) for name, scores in sorted(self._scores.items())}}


def build(options: AccuracyByTypeOptions) -> AccuracyByType:
    """Accuracy by type."""
    return AccuracyByType(options.of)
