"""Text denoising (Lewis et al. 2020, BART): trains a small language trunk from text alone."""

import random
from dataclasses import replace

from multigraft import Annotation, Prediction, Task, TextPair
from multigraft.tasks.answers import question
from multigraft.tasks.pieces import asked
from multigraft.tasks.text_denoising.infilling import infill
from multigraft.tasks.text_denoising.options import TextDenoisingOptions


class TextDenoising(Task):
    """The masked text goes in, the whole text should come out; or, where only its end is hidden, that end."""

    reads_media = False

    def __init__(self, options: TextDenoisingOptions) -> None:
        self._options = options

    def ask(self, annotation: Annotation) -> TextPair:
        """The text as it is given, its masks included, and its context."""
        return TextPair.of(asked(annotation, question(annotation)), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """A masked text and the whole one; in evaluation the annotation's id decides what is masked.

        An annotation with an answer hides its end: the text goes in, the answer should come out.
        """
        if annotation.answers:
            return replace(self.ask(annotation), target=annotation.answers[0].text)
        words = question(annotation).split()
        draw = draw or random.Random(annotation.id)
        masked = infill(words, self._options.masked, self._options.mean_span, draw)
        return TextPair.of(asked(annotation, " ".join(masked)), " ".join(words), annotation.weight)

    def prediction(self, annotation: Annotation, output: str) -> Prediction:
        """The masked text, and the whole one as reference."""
        example = self.example(annotation, None)
        return replace(super().prediction(annotation, output), text=example.parts[0].text, references=(example.target,))


def build(options: TextDenoisingOptions) -> TextDenoising:
    """Text denoising."""
    return TextDenoising(options)
