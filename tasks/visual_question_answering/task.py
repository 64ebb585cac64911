"""Visual question answering (Antol et al. 2015), trained as in VL-Adapter (Sung et al. 2022)."""

import random
from dataclasses import replace

from multigraft import Annotation, TextPair
from multigraft.tasks.answers import drawn_answer
from multigraft.tasks.question_answering import QuestionAnswering
from multigraft.tasks.visual_question_answering.options import VisualQuestionAnsweringOptions


class VisualQuestionAnswering(QuestionAnswering):
    """In training one answer is drawn in proportion to its soft score, which also weighs the sample."""

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The question and an answer; an empty target of weight 0 where no answer scores."""
        answer = drawn_answer(annotation, draw)
        return replace(self.ask(annotation), target=answer.text, weight=answer.score * annotation.weight)


def build(options: VisualQuestionAnsweringOptions) -> VisualQuestionAnswering:
    """Visual question answering."""
    return VisualQuestionAnswering()
