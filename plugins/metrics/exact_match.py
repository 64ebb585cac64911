"""Exact match: an output counts if it equals a reference or an answer."""

from multigraft import Prediction
from multigraft.plugins.metrics.options import ExactMatchOptions
from multigraft.plugins.metrics.row_mean import RowMean, own_references


class ExactMatch(RowMean):
    """1 for an output that equals a reference, or an answer with a score above 0, white space at both ends aside.

    References that only repeat the texts of `answers` are no references of their own: the scores decide. A row without
    either is 0, and counted in the facts.
    """

    name = "exact-match"

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__()
        self._ignore_case = ignore_case

    def score(self, prediction: Prediction) -> float:
        """1 or 0."""
        right = [*own_references(prediction), *(answer.text for answer in prediction.answers if answer.score > 0)]
        return float(self._form(prediction.output) in map(self._form, right))

    def _form(self, text: str) -> str:
        return text.strip().casefold() if self._ignore_case else text.strip()


def build(options: ExactMatchOptions) -> ExactMatch:
    """Exact match."""
    return ExactMatch(options.normalise == "lower")
