"""Exact match: an output counts if it equals a reference or an answer."""

from multigraft.core.interfaces.metric import Prediction
from multigraft.plugins.metrics.options import ExactMatchOptions
from multigraft.plugins.metrics.row_mean import RowMean


class ExactMatch(RowMean):
    """1 for an output that equals a reference, or an answer with a score above 0, white space at both ends aside."""

    name = "exact-match"

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__()
        self._ignore_case = ignore_case

    def score(self, prediction: Prediction) -> float:
        """1 or 0."""
        wrong = {answer.text for answer in prediction.answers if answer.score == 0}
        right = {answer.text for answer in prediction.answers} | set(prediction.references)
        return float(self._form(prediction.output) in {self._form(text) for text in right - wrong})

    def _form(self, text: str) -> str:
        return text.strip().lower() if self._ignore_case else text.strip()


def build(options: ExactMatchOptions) -> ExactMatch:
    """Exact match."""
    return ExactMatch(options.normalise == "lower")
