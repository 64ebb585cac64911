"""Questions with one right answer in free text."""

import random
from dataclasses import replace

from multigraft import Annotation, Task, TextPair
from multigraft.tasks.answers import best_answer, question
from multigraft.tasks.pieces import asked


class QuestionAnswering(Task):
    """The question goes in, its best answer should come out."""

    def ask(self, annotation: Annotation) -> TextPair:
        """The question, and its context."""
        return TextPair.of(asked(annotation, question(annotation)), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The question and its best answer."""
        return replace(self.ask(annotation), target=best_answer(annotation))
