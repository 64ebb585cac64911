"""`plain-lines`: the id of a question and its answer in each line."""

from collections.abc import Sequence

from multigraft import AnswerFormat, Prediction
from multigraft_sample.options import PlainLinesOptions


class PlainLines(AnswerFormat):
    """Lines such as `tunes#0: up`."""

    def __init__(self, separator: str) -> None:
        self.separator = separator

    def text(self, predictions: Sequence[Prediction]) -> str:
        """A line for each prediction."""
        return "".join(f"{each.id}{self.separator}{each.output}\n" for each in predictions)


def build(options: PlainLinesOptions) -> PlainLines:
    """The form of a leaderboard."""
    return PlainLines(options.separator)
