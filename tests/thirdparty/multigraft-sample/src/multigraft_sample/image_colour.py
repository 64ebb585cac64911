"""`image-colour`: «which colour is it?» about an image; the first answer or reference is the target."""

import random

from multigraft import Annotation, BadSample, Task, TextPair
from multigraft_sample.options import ImageColourOptions


class ImageColour(Task):
    """Needs no text of the annotation."""

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The question and its target."""
        answers = [answer.text for answer in annotation.answers] or list(annotation.references)
        if not answers:
            raise BadSample("missing field", "answers")
        return TextPair(text="which colour is it?", target=answers[0])


def build(options: ImageColourOptions) -> ImageColour:
    """The task of a recipe."""
    return ImageColour()
