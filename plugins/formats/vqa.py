"""`vqa`: the result format of VQA (visualqa.org/evaluation.html), which EvalAI takes."""

import json
from collections.abc import Sequence

from multigraft import AnswerFormat, Prediction
from multigraft.plugins.formats.numbers import number_of
from multigraft.plugins.formats.options import VqaFormatOptions


class VqaFormat(AnswerFormat):
    """A JSON list of `{"question_id", "answer"}`."""

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The list, in the order of the predictions."""
        return json.dumps([{"question_id": number_of(each), "answer": each.output} for each in predictions])


def build(options: VqaFormatOptions) -> VqaFormat:
    """The form of VQA."""
    return VqaFormat()
