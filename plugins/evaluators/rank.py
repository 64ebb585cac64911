"""`rank`: the likeliest of a long list of answers, the same for every row."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from multigraft import Backbone, Evaluator, Need, Objective, OptionError, Said, TaskBatch, TaskOutputs, TextPair
from multigraft.plugins.evaluators.options import RankOptions
from multigraft.plugins.evaluators.ranking import best_first
from multigraft.plugins.evaluators.refusals import no_targets, require_texts

_FEWEST = 2


class Rank(Evaluator):
    """One of the answers, by the log-probability of all its tokens."""

    needs = (Need("beginning"),)

    def __init__(self, answers: Sequence[str], others: int) -> None:
        self.answers_known, self.others = tuple(answers), others

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        return no_targets(backbone)

    def candidates(self, example: TextPair) -> tuple[str, ...]:
        """All answers."""
        return self.answers_known

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """The likeliest answers, and the next ones."""
        scores = outputs.score([self.answers_known] * len(rows.samples)).tolist()
        return [best_first(self.answers_known, row, self.others) for row in scores]


def build(options: RankOptions, objectives: Sequence[Objective]) -> Rank:
    """The evaluator of a recipe.

    Raises:
        OptionError: no objective trains a text, or the answers cannot be read, are too few, or stand there twice.
    """
    require_texts(objectives)
    answers = options.answers if isinstance(options.answers, list) else _lines(options.answers.removeprefix("path:"))
    if twice := [text for text, count in Counter(answers).items() if count > 1]:
        raise OptionError(("answers",), f"answer {twice[0]!r} is given twice")
    if len(answers) < _FEWEST:
        raise OptionError(("answers",), f"{len(answers)} answers are nothing to rank")
    return Rank(answers, options.others)


def _lines(path: str) -> list[str]:
    """The lines of a file, empty ones left out."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OptionError(("answers",), f"{path} cannot be read: {told}") from None
    return [line.strip() for line in lines if line.strip()]
