"""`classify`: the likeliest label of the objective."""

from collections.abc import Sequence

from multigraft import Evaluator, Objective, OptionError, Said, TaskBatch, TaskOutputs
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


def build(options: ClassifyOptions, objectives: Sequence[Objective]) -> Classify:
    """The evaluator of a recipe.

    Raises:
        OptionError: no objective, or more than one, sorts rows into labels.
    """
    sorting = [objective for objective in objectives if objective.labels]
    if len(sorting) != 1:
        message = f"{len(sorting) or 'none'} of the task's objectives sorts rows into labels, and it needs one"
        raise OptionError((), message, "write `evaluator: generate`, or train with `classification`")
    return Classify(options, sorting[0])
