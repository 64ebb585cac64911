"""`choices`: the likeliest of each sample's choices, by the log-probability of all its tokens."""

from collections.abc import Sequence

from multigraft import Backbone, Evaluator, MultigraftError, Need, Objective, Said, TaskBatch, TaskOutputs, TextPair
from multigraft.plugins.evaluators.options import ChoicesOptions
from multigraft.plugins.evaluators.ranking import best_first
from multigraft.plugins.evaluators.refusals import no_targets, require_texts


class Choices(Evaluator):
    """One of the sample's own choices."""

    needs = (Need("beginning"),)

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        return no_targets(backbone)

    def lacks(self, example: TextPair) -> str:
        """Choices."""
        return "" if example.choices else "choices"

    def candidates(self, example: TextPair) -> tuple[str, ...]:
        """The choices."""
        return example.choices

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """The likeliest choices, and the others behind them.

        Raises:
            MultigraftError: a sample has none.
        """
        choices = [sample.example.choices for sample in rows.samples]
        if not all(choices):
            lacking = next(sample for sample in rows.samples if not sample.example.choices)
            raise MultigraftError(
                f"task '{rows.task}': `evaluator: choices`, and its annotation {lacking.annotation.id!r} "
                "has no choices; write `evaluator: generate` to generate answers"
            )
        scores = outputs.score(choices).tolist()
        return [best_first(texts, row[: len(texts)]) for texts, row in zip(choices, scores, strict=True)]


def build(options: ChoicesOptions, objectives: Sequence[Objective]) -> Choices:
    """The evaluator of a recipe.

    Raises:
        OptionError: no objective trains a text.
    """
    require_texts(objectives)
    return Choices()
