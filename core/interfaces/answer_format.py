"""AnswerFormat: answers as a leaderboard takes them.

A component's `build(options) -> AnswerFormat`. It is a kind of its own, since a leaderboard belongs to a data set, and
one task or metric serves many sets.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from multigraft.core.types.prediction import Prediction


class AnswerFormat(ABC):
    """Writes a file of answers for a leaderboard."""

    @abstractmethod
    def text(self, predictions: Sequence[Prediction]) -> str:
        """The text of the file; a question is called as its data set calls it (`Prediction.published_id`).

        Raises:
            MultigraftError: an answer cannot be told in this form.
        """
