"""Image-text pairs, after the pre-training of ALBEF (Li et al. 2021): what is said of media goes in with them."""

import random

from multigraft import Annotation, Task, TextPair
from multigraft.tasks.answers import texts_to_say
from multigraft.tasks.image_text_pairs.options import ImageTextPairsOptions
from multigraft.tasks.pieces import asked


class ImageTextPairs(Task):
    """A text is drawn in training; in evaluation it is the first."""

    def ask(self, annotation: Annotation) -> TextPair:
        """The text that is asked with, or else the first reference."""
        text = annotation.text if annotation.text.strip() else texts_to_say(annotation)[0]
        return TextPair.of(asked(annotation, text), "", annotation.weight)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """One of the texts; the target is empty."""
        references = texts_to_say(annotation)
        text = draw.choice(references) if draw else references[0]
        return TextPair.of(asked(annotation, text), "", annotation.weight)


def build(options: ImageTextPairsOptions) -> ImageTextPairs:
    """Image-text pairs."""
    return ImageTextPairs()
