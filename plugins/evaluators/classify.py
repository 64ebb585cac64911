"""`classify`: the likeliest label of the objective."""

from collections.abc import Sequence

from multigraft import (
    Evaluator,
    MultigraftError,
    Objective,
    OptionError,
    Said,
    TaskBatch,
    TaskOutputs,
    did_you_mean,
)
from multigraft.plugins.evaluators.options import ClassifyOptions
from multigraft.plugins.evaluators.ranking import best_first


class Classify(Evaluator):
    """One of the labels."""

    def __init__(self, options: ClassifyOptions, objective: Objective) -> None:
        self.options, self.objective = options, objective
        self.needs = objective.needs

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """The likeliest labels, and the next ones."""
        scores = self.objective.label_scores(rows, outputs).tolist()
        return [best_first(self.objective.labels, row, self.options.others) for row in scores]

    def score(self, rows: TaskBatch, outputs: TaskOutputs, texts: Sequence[Sequence[str]]) -> list[list[float]]:
        """Log-probabilities of labels.

        Raises:
            MultigraftError: a text is no label.
        """
        number = {label: place for place, label in enumerate(self.objective.labels)}
        if strange := next((text for own in texts for text in own if text not in number), None):
            raise MultigraftError(f"task {rows.task!r}: no label {strange!r}; {did_you_mean(strange, number)}")
        scores = self.objective.label_scores(rows, outputs).tolist()
        return [[row[number[text]] for text in own] for row, own in zip(scores, texts, strict=True)]


def build(options: ClassifyOptions, objectives: Sequence[Objective]) -> Classify:
    """The evaluator of a recipe.

    Raises:
        OptionError: the objective that is named sorts no rows into labels; or none does, or several do, and none is
            named.
    """
    if options.objective is not None:
        if options.objective >= len(objectives) or not objectives[options.objective].labels:
            raise OptionError(("objective",), f"objective {options.objective} of the task sorts no rows into labels")
        return Classify(options, objectives[options.objective])
    sorting = [number for number, objective in enumerate(objectives) if objective.labels]
    if not sorting:
        message = "none of the task's objectives sorts rows into labels, and it needs one"
        raise OptionError((), message, "write `evaluator: generate`, or train with `classification`")
    if len(sorting) > 1:
        numbers = " and ".join(map(str, sorting))
        raise OptionError((), f"the task's objectives {numbers} sort rows into labels", "say `objective: NUMBER`")
    return Classify(options, objectives[sorting[0]])
