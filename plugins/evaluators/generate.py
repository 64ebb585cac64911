"""`generate`: the text that the trunk goes on with."""

from collections.abc import Sequence

from multigraft import Backbone, Evaluator, Need, Objective, Said, TaskBatch, TaskOutputs
from multigraft.plugins.evaluators.options import GenerateOptions
from multigraft.plugins.evaluators.refusals import no_targets, require_texts


class Generate(Evaluator):
    """Greedy or beam output."""

    needs = (Need("beginning"),)

    def __init__(self, options: GenerateOptions) -> None:
        self.options = options

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        return no_targets(backbone)

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """The generated texts."""
        return [Said(text) for text in outputs.generate(self.options)]


def build(options: GenerateOptions, objectives: Sequence[Objective]) -> Generate:
    """The evaluator of a recipe.

    Raises:
        OptionError: no objective trains a text.
    """
    require_texts(objectives)
    return Generate(options)
