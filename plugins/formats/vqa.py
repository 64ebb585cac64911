"""`vqa`: the result format of VQA (visualqa.org/evaluation.html), which EvalAI takes."""

import json
from collections.abc import Sequence

from multigraft import AnswerFormat, Prediction
from multigraft.plugins.formats.ids import published_numbers
from multigraft.plugins.formats.options import VqaFormatOptions


class VqaFormat(AnswerFormat):
    """A JSON list of `{"question_id", "answer"}`."""

    sets = ("vqav2",)

    def check(self, predictions: Sequence[Prediction]) -> None:
        """Each has a number of its own."""
        published_numbers(predictions)

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The list, in the order of the predictions."""
        numbered = zip(published_numbers(predictions), predictions, strict=True)
        return json.dumps([{"question_id": number, "answer": each.output} for number, each in numbered])


def build(options: VqaFormatOptions) -> VqaFormat:
    """The form of VQA."""
    return VqaFormat()
