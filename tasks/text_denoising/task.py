"""Text denoising (Lewis et al. 2020, BART): trains a small language trunk from text alone."""

import random
from dataclasses import replace

from multigraft.core.data.annotation import Annotation
from multigraft.core.data.batch import Example
from multigraft.core.interfaces.metric import Prediction
from multigraft.core.interfaces.task import Task
from multigraft.tasks.answers import question
from multigraft.tasks.pieces import asked
from multigraft.tasks.text_denoising.infilling import infill
from multigraft.tasks.text_denoising.options import TextDenoisingOptions


class TextDenoising(Task):
    """The masked text goes in, the whole text should come out; or, where only its end is hidden, that end."""

    reads_media = False

    def __init__(self, options: TextDenoisingOptions) -> None:
        self._options = options

    def ask(self, annotation: Annotation) -> Example:
        """The text as it is given, its masks included, and its context."""
        return Example.of(asked(annotation, question(annotation)), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> Example:
        """A masked text and the whole one; in evaluation the annotation's id decides what is masked.

        An annotation with an answer hides its end: the text goes in, the answer should come out.
        """
        if annotation.answers:
            return replace(self.ask(annotation), target=annotation.answers[0].text)
        words = question(annotation).split()
        draw = draw or random.Random(annotation.id)
        masked = infill(words, self._options.masked, self._options.mean_span, draw)
        return Example.of(asked(annotation, " ".join(masked)), " ".join(words), annotation.weight)

    def prediction(self, annotation: Annotation, output: str) -> Prediction:
        """The masked text, and the whole one as reference."""
        example = self.example(annotation, None)
        return replace(super().prediction(annotation, output), text=example.parts[0].text, references=(example.target,))


def build(options: TextDenoisingOptions) -> TextDenoising:
    """Text denoising."""
    return TextDenoising(options)
