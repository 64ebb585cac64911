"""`gqa`: the predictions of GQA's evaluation (cs.stanford.edu/people/dorarad/gqa/evaluate.html)."""

import json
from collections.abc import Sequence

from multigraft import AnswerFormat, Prediction
from multigraft.plugins.formats.options import GqaFormatOptions


class GqaFormat(AnswerFormat):
    """A JSON list of `{"questionId", "prediction"}`; ids are texts."""

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The list, in the order of the predictions."""
        return json.dumps([{"questionId": each.published_id, "prediction": each.output} for each in predictions])


def build(options: GqaFormatOptions) -> GqaFormat:
    """The form of GQA."""
    return GqaFormat()
