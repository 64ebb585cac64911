"""`nlvr2`: the CSV that NLVR2's metrics read (github.com/lil-lab/nlvr, nlvr2/README.md)."""

import re
from collections.abc import Sequence

from multigraft import AnswerFormat, MultigraftError, Prediction
from multigraft.plugins.formats.ids import published_ids
from multigraft.plugins.formats.options import Nlvr2FormatOptions

_ID = re.compile("[a-z0-9]+-[0-9]+-[0-9]+-[0-9]+")
"""Split, set of pictures, pair and sentence."""
_LABELS = {"true": "True", "false": "False"}


class Nlvr2Format(AnswerFormat):
    """A line of an identifier and `True` or `False` for each statement."""

    sets = ("nlvr2",)

    def check(self, predictions: Sequence[Prediction]) -> None:
        """Each has a name of its own."""
        published_ids(predictions, _ID)

    def text(self, predictions: Sequence[Prediction]) -> str:
        """The lines, in the order of the predictions."""
        named = zip(published_ids(predictions, _ID), predictions, strict=True)
        return "".join(f"{name},{_label(each)}\n" for name, each in named)


def _label(prediction: Prediction) -> str:
    if prediction.output not in _LABELS:
        raise MultigraftError(f"{prediction.id}: the output {prediction.output!r} is neither `true` nor `false`")
    return _LABELS[prediction.output]


def build(options: Nlvr2FormatOptions) -> Nlvr2Format:
    """The form of NLVR2."""
    return Nlvr2Format()
