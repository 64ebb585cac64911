"""`gqa`: the predictions of GQA's evaluation (cs.stanford.edu/people/dorarad/gqa/evaluate.html)."""

import json
import re
from collections.abc import Sequence

from multigraft import AnswerFormat, Prediction
from multigraft.plugins.formats.ids import published_ids
from multigraft.plugins.formats.options import GqaFormatOptions

_ID = re.compile("[0-9]+")


class GqaFormat(AnswerFormat):
    """A JSON list of `{"questionId", "prediction"}`; ids are texts."""

    sets = ("gqa",)

    def check(self, predictions: Sequence[Prediction]) -> None:
        """Each has a number of its own, as a text."""
        published_ids(predictions, _ID)

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The list, in the order of the predictions."""
        named = zip(published_ids(predictions, _ID), predictions, strict=True)
        return json.dumps([{"questionId": name, "prediction": each.output} for name, each in named])


def build(options: GqaFormatOptions) -> GqaFormat:
    """The form of GQA."""
    return GqaFormat()
