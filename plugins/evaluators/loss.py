"""`loss`: the loss on held-out rows alone; nothing is said of them."""

from collections.abc import Iterable, Sequence

from multigraft import Evaluator, Objective, Prediction, Said, SaidRow, Task, TaskBatch, TaskOutputs
from multigraft.plugins.evaluators.options import LossOptions


class Loss(Evaluator):
    """Says nothing."""

    says = "nothing"

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """Nothing about each row."""
        return [Said()] * len(rows.samples)

    def predictions(self, task: Task, rows: Sequence[SaidRow]) -> Iterable[Prediction]:
        """None."""
        return ()


def build(options: LossOptions, objectives: Sequence[Objective]) -> Loss:
    """The evaluator of a recipe."""
    return Loss()
