"""`value`: submissions to VALUE (Li et al. 2021; github.com/VALUE-Leaderboard/EvaluationTools, README.md).

Questions: `{QID: number of the choice}` in one JSON file. Captions: a JSON line `{"clip_id", "descs": [{"desc"}]}` for
each clip; `video_id`, which stands in the sample files too, is read by no part of the evaluation and left out.
"""

import json
from collections.abc import Sequence

from multigraft import AnswerFormat, MultigraftError, Prediction
from multigraft.plugins.formats.ids import published_numbers
from multigraft.plugins.formats.options import ValueFormatOptions


class ValueFormat(AnswerFormat):
    """Numbers of choices where there are choices, else captions."""

    sets = ("tvqa", "how2qa", "tvc", "yc2c")

    def check(self, predictions: Sequence[Prediction]) -> None:
        """Each has a number of its own."""
        published_numbers(predictions)

    def text(self, predictions: Sequence[Prediction]) -> str:
        """All of one task, in the order of the predictions."""
        numbered = list(zip(published_numbers(predictions), predictions, strict=True))
        if any(each.choices for each in predictions):
            return json.dumps({str(number): _choice(each) for number, each in numbered})
        lines = ({"clip_id": number, "descs": [{"desc": each.output}]} for number, each in numbered)
        return "".join(json.dumps(line) + "\n" for line in lines)


def _choice(prediction: Prediction) -> int:
    """The number of the choice that was taken; of equal ones the first."""
    if prediction.output not in prediction.choices:
        hint = "`evaluator: choices` takes one"
        raise MultigraftError(f"{prediction.id}: the output {prediction.output!r} is none of its choices; {hint}")
    return prediction.choices.index(prediction.output)


def build(options: ValueFormatOptions) -> ValueFormat:
    """The form of VALUE."""
    return ValueFormat()
