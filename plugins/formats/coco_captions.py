"""`coco-captions`: the result format of COCO's captions (cocodataset.org, format-results)."""

import json
from collections.abc import Sequence

from multigraft import AnswerFormat, MultigraftError, Prediction
from multigraft.plugins.formats.numbers import number_of
from multigraft.plugins.formats.options import CocoCaptionsFormatOptions


class CocoCaptionsFormat(AnswerFormat):
    """A JSON list of `{"image_id", "caption"}`, one of each picture."""

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The list, in the order of the predictions.

        Raises:
            MultigraftError: a picture has two captions.
        """
        captions: dict[int, str] = {}
        for each in predictions:
            number = number_of(each)
            if number in captions:
                raise MultigraftError(f"picture {number} has two captions, and this leaderboard takes one of each")
            captions[number] = each.output
        return json.dumps([{"image_id": number, "caption": caption} for number, caption in captions.items()])


def build(options: CocoCaptionsFormatOptions) -> CocoCaptionsFormat:
    """The form of COCO's captions."""
    return CocoCaptionsFormat()
