"""AnswerFormat: answers as a leaderboard takes them.

A component's `build(options) -> AnswerFormat`. It is a kind of its own, since a leaderboard belongs to a data set, and
one task or metric serves many sets.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from multigraft.core.types.prediction import Prediction


class AnswerFormat(ABC):
    """Writes a file of answers for a leaderboard."""

    sets: tuple[str, ...] = ()
    """What stands before the first `#` of ids of the leaderboard's sets; ids that have something else there are refused
    before anything is asked, and those without a `#` are taken for the leaderboard's own. Empty: all are taken."""

    def check(self, predictions: Sequence[Prediction]) -> None:  # noqa: B027 - not every form looks at ids
        """Look at the ids of all that will be asked, before anything is; these predictions have no output yet.

        Raises:
            MultigraftError: an id cannot be told in this form, or two rows have the same.
        """

    @abstractmethod
    def text(self, predictions: Sequence[Prediction]) -> str:
        """The text of the file; a question is called as its data set calls it (`Prediction.published_id`).

        Raises:
            MultigraftError: an answer cannot be told in this form.
        """
