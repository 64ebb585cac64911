"""Captions: nothing but the task's prefix goes in, one of the references should come out."""

import random
from dataclasses import replace

from multigraft import Annotation, Task, TextPair
from multigraft.tasks.answers import texts_to_say
from multigraft.tasks.pieces import told


class Captioning(Task):
    """A reference is drawn as target in training; in evaluation it is the first."""

    def ask(self, annotation: Annotation) -> TextPair:
        """No text but the context, if there is one: the prefix says what to do."""
        return TextPair.of(told(annotation), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The text of `ask` and one reference."""
        references = texts_to_say(annotation)
        return replace(self.ask(annotation), target=draw.choice(references) if draw else references[0])
