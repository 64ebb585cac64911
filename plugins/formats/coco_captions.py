"""`coco-captions`: the result format of COCO's captions (cocodataset.org, format-results)."""

import json
from collections.abc import Sequence

from multigraft import AnswerFormat, Prediction
from multigraft.plugins.formats.ids import published_numbers
from multigraft.plugins.formats.options import CocoCaptionsFormatOptions


class CocoCaptionsFormat(AnswerFormat):
    """A JSON list of `{"image_id", "caption"}`, one of each picture."""

    sets = ("coco-captions",)

    def check(self, predictions: Sequence[Prediction]) -> None:
        """Each has a number of its own."""
        published_numbers(predictions)

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The list, in the order of the predictions."""
        numbered = zip(published_numbers(predictions), predictions, strict=True)
        return json.dumps([{"image_id": number, "caption": each.output} for number, each in numbered])


def build(options: CocoCaptionsFormatOptions) -> CocoCaptionsFormat:
    """The form of COCO's captions."""
    return CocoCaptionsFormat()
