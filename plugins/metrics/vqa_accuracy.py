"""VQA soft accuracy (Antol et al. 2015, section 3; the leave-one-out form of the official evaluation)."""

from multigraft import Prediction
from multigraft.plugins.metrics.options import VqaAccuracyOptions
from multigraft.plugins.metrics.row_mean import RowMean, own_references
from multigraft.plugins.metrics.vqa_normalisation import normalise

_FEWEST_ANNOTATORS = 4
"""A right answer needs three others who gave it."""


class VqaAccuracy(RowMean):
    """Agreement of the normalised output with the normalised answers of the annotators.

    With four or more annotators: the mean, over leaving each one out, of min(1, agreeing others / 3). With fewer, the
    soft score of the answer if there are `answers`, else 1 for an output that equals any reference. References that
    only repeat the texts of `answers` are not annotators. Unlike the official code, both sides are normalised even
    where all annotators wrote the same.
    """

    name = "vqa-accuracy"

    def score(self, prediction: Prediction) -> float:
        """Accuracy of one row."""
        output = normalise(prediction.output)
        annotators = [normalise(text) for text in own_references(prediction)]
        if len(annotators) >= _FEWEST_ANNOTATORS:
            return leave_one_out(output, annotators)
        if prediction.answers:
            return max((one.score for one in prediction.answers if normalise(one.text) == output), default=0.0)
        return float(output in annotators)


def leave_one_out(output: str, annotators: list[str]) -> float:
    """Mean over annotators i of min(1, annotators other than i who gave `output` / 3)."""
    agreeing = annotators.count(output)
    others = (agreeing - (answer == output) for answer in annotators)
    return sum(min(3, count) for count in others) / (3 * len(annotators))


def build(options: VqaAccuracyOptions) -> VqaAccuracy:
    """VQA soft accuracy."""
    return VqaAccuracy()
