"""Captions: nothing but the task's prefix goes in, one of the references should come out."""

import random
from dataclasses import replace

from multigraft.core.data.annotation import Annotation
from multigraft.core.data.batch import Example
from multigraft.core.interfaces.task import Task
from multigraft.tasks.answers import texts_to_say
from multigraft.tasks.pieces import told


class Captioning(Task):
    """A reference is drawn as target in training; in evaluation it is the first."""

    def ask(self, annotation: Annotation) -> Example:
        """No text but the context, if there is one: the prefix says what to do."""
        return Example.of(told(annotation), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> Example:
        """The text of `ask` and one reference."""
        references = texts_to_say(annotation)
        return replace(self.ask(annotation), target=draw.choice(references) if draw else references[0])
