"""Multiple-choice video question answering, after TVQA (Lei et al. 2018) and How2QA (Li et al. 2020).

The answer is the text of a choice, not its letter: texts mean the same wherever they stand in the list.
"""

import random
from dataclasses import replace

from multigraft import Annotation, BadSample, Task, TextPair
from multigraft.tasks.answers import best_answer, missing, question
from multigraft.tasks.multiple_choice_video_question_answering.options import (
    MultipleChoiceVideoQuestionAnsweringOptions,
)
from multigraft.tasks.pieces import asked


class MultipleChoiceVideoQuestionAnswering(Task):
    """The question and its choices go in, the right choice should come out."""

    def ask(self, annotation: Annotation) -> TextPair:
        """The question, its context, then `choices:` and the choices in their own order.

        Raises:
            BadSample: `missing field`, without a question or with fewer than two choices.
        """
        if len(annotation.choices) < 2:
            raise missing(f"choices (two or more, not {len(annotation.choices)})", annotation)
        pieces = asked(annotation, question(annotation), annotation.choices)
        return TextPair.of(pieces, "", annotation.weight, annotation.choices)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The question and the right choice; in training the choices are shuffled.

        Raises:
            BadSample: as `ask`; `bad annotation` for an answer that is no choice.
        """
        answer = best_answer(annotation)
        if annotation.choices and answer not in annotation.choices:
            raise BadSample("bad annotation", f"answer {answer!r} of {annotation.id} is not one of its choices")
        order = draw.sample(annotation.choices, len(annotation.choices)) if draw else annotation.choices
        return replace(self.ask(annotation.model_copy(update={"choices": tuple(order)})), target=answer)


def build(options: MultipleChoiceVideoQuestionAnsweringOptions) -> MultipleChoiceVideoQuestionAnswering:
    """Multiple-choice video question answering."""
    return MultipleChoiceVideoQuestionAnswering()
