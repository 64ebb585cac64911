"""Visual question answering (Antol et al. 2015), trained as in VL-Adapter (Sung et al. 2022)."""

import random
from dataclasses import replace

from multigraft import Annotation, TextPair
from multigraft.tasks.answers import drawn_answer, scored_answers
from multigraft.tasks.question_answering import QuestionAnswering
from multigraft.tasks.visual_question_answering.options import VisualQuestionAnsweringOptions


class VisualQuestionAnswering(QuestionAnswering):
    """In training one answer is drawn in proportion to its soft score, which also weighs the sample, if that is wanted;
    all are told with their scores.

    Args:
        draw: whether it is wanted.
    """

    def __init__(self, draw: bool = True) -> None:
        self.draw = draw

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The question and an answer; an empty target where no answer scores, of weight 0 if one is drawn."""
        answer = drawn_answer(annotation, draw if self.draw else None)
        weight = answer.score * annotation.weight if self.draw else annotation.weight
        return replace(self.ask(annotation), target=answer.text, weight=weight, answers=scored_answers(annotation))


def build(options: VisualQuestionAnsweringOptions) -> VisualQuestionAnswering:
    """Visual question answering."""
    return VisualQuestionAnswering(options.draw)
