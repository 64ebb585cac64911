"""Text classification: a sentence, or a pair of sentences such as those of GLUE (Wang et al. 2019), and its label."""

import random
from dataclasses import replace

from multigraft import Annotation, TextPair
from multigraft.tasks.answers import scored_answers
from multigraft.tasks.question_answering import QuestionAnswering
from multigraft.tasks.text_classification.options import TextClassificationOptions


class TextClassification(QuestionAnswering):
    """The text goes in, its best label should come out; all labels are told with their scores."""

    reads_media = False

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The text and its label."""
        return replace(super().example(annotation, draw), answers=scored_answers(annotation))


def build(options: TextClassificationOptions) -> TextClassification:
    """Text classification."""
    return TextClassification()
