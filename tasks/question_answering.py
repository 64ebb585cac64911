"""Questions with one right answer in free text."""

import random
from dataclasses import replace

from multigraft.core.data.annotation import Annotation
from multigraft.core.data.batch import Example
from multigraft.core.interfaces.task import Task
from multigraft.tasks.answers import best_answer, question
from multigraft.tasks.pieces import asked


class QuestionAnswering(Task):
    """The question goes in, its best answer should come out."""

    def ask(self, annotation: Annotation) -> Example:
        """The question, and its context."""
        return Example.of(asked(annotation, question(annotation)), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> Example:
        """The question and its best answer."""
        return replace(self.ask(annotation), target=best_answer(annotation))
