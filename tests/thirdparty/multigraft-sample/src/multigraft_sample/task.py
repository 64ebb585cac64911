"""`image-colour`: «which colour is it?» about an image; the first answer or reference is the target."""

import random

from multigraft.core.data.annotation import Annotation
from multigraft.core.data.batch import Example
from multigraft.core.data.media import BadSample
from multigraft.core.interfaces.task import Task
from multigraft_sample.options import ImageColourOptions


class ImageColour(Task):
    """Needs no text of the annotation."""

    def example(self, annotation: Annotation, draw: random.Random | None) -> Example:
        """The question and its target."""
        answers = [answer.text for answer in annotation.answers] or list(annotation.references)
        if not answers:
            raise BadSample("missing field", "answers")
        return Example(text="which colour is it?", target=answers[0])


def build(options: ImageColourOptions) -> ImageColour:
    """The task of a recipe."""
    return ImageColour()
