"""`length-ratio`: are outputs as long as they should be?"""

from multigraft import Metric, Prediction
from multigraft_sample.options import LengthRatioOptions


class LengthRatio(Metric):
    """Words of the outputs divided by words of the first references."""

    def __init__(self) -> None:
        self.output_words = 0
        self.reference_words = 0

    def update(self, prediction: Prediction) -> None:
        """Count one prediction."""
        self.output_words += len(prediction.output.split())
        self.reference_words += len(prediction.references[0].split()) if prediction.references else 0

    def compute(self) -> dict[str, float]:
        """`length-ratio`; empty if there were no reference words."""
        return {"length-ratio": self.output_words / self.reference_words} if self.reference_words else {}


def build(options: LengthRatioOptions) -> LengthRatio:
    """The metric of a recipe."""
    return LengthRatio()
