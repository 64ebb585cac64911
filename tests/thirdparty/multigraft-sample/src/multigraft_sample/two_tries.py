"""`two-tries`: the likelier of the greedy output and that of a beam search; the other one stands behind it."""

from collections.abc import Sequence

from multigraft import Answer, Backbone, Decoding, Evaluator, Need, Objective, Said, TaskBatch, TaskOutputs
from multigraft_sample.options import TwoTriesOptions


class TwoTries(Evaluator):
    """Says a text with its log-probability."""

    needs = (Need("beginning"),)

    def __init__(self, options: TwoTriesOptions) -> None:
        self.tries = [Decoding(beams=beams, max_tokens=options.max_tokens) for beams in (1, options.beams)]

    def refuse_backbone(self, backbone: Backbone) -> str | None:
        """One that predicts no targets."""
        return "this backbone predicts no targets" if backbone.predicts is None else None

    def answer(self, rows: TaskBatch, outputs: TaskOutputs) -> list[Said]:
        """Both outputs of each row, the likelier one first."""
        texts = list(zip(*map(outputs.generate, self.tries), strict=True))
        return [
            _better(*map(Answer, own, scores)) for own, scores in zip(texts, outputs.score(texts).tolist(), strict=True)
        ]


def _better(greedy: Answer, searched: Answer) -> Said:
    first, second = sorted((greedy, searched), key=lambda answer: -answer.score)
    return Said(first.text, first.score, (second,))


def build(options: TwoTriesOptions, objectives: Sequence[Objective]) -> TwoTries:
    """The evaluator of a recipe."""
    return TwoTries(options)
