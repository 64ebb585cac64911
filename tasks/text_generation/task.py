"""Text generation: a text goes in, another comes out (Raffel et al. 2020, section 2.4)."""

import random
from dataclasses import replace

from multigraft import Annotation, Task, TextPair
from multigraft.tasks.answers import question, texts_to_say
from multigraft.tasks.pieces import asked
from multigraft.tasks.text_generation.options import TextGenerationOptions


class TextGeneration(Task):
    """One of the texts that are right is drawn as target in training; in evaluation it is the first."""

    reads_media = False

    def ask(self, annotation: Annotation) -> TextPair:
        """The text, and its context."""
        return TextPair.of(asked(annotation, question(annotation)), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The text of `ask`, and one that is right."""
        texts = texts_to_say(annotation)
        return replace(self.ask(annotation), target=draw.choice(texts) if draw else texts[0])


def build(options: TextGenerationOptions) -> TextGeneration:
    """Text generation."""
    return TextGeneration()
