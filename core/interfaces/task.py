"""Task: from annotations to texts, and from outputs to predictions.

A component's `build(options) -> Task`; its options subclass `TaskOptions`
(core/options/options.py) and give their own defaults for prefix, objective, metrics and evaluator.
"""

import random
from abc import ABC, abstractmethod
from dataclasses import replace

from multigraft.core.types.annotation import Annotation
from multigraft.core.types.prediction import Answer, Prediction
from multigraft.core.types.sample import TextPair


class Task(ABC):
    """A kind of question one can ask about media."""

    reads_media = True
    """Whether a question needs media, in runs that have an encoder; False for tasks of text alone, whose annotations'
    media are not read."""

    @abstractmethod
    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """Input text (without the recipe's prefix; the engine puts it in front), target and weight.

        `draw` is seeded by (seed, epoch, annotation id), for targets that are drawn; None in evaluation.

        Raises:
            BadSample: `missing field`, with its name, when the annotation lacks what the task needs.
        """

    def ask(self, annotation: Annotation) -> TextPair:
        """The input alone, for new questions whose answer nobody knows: as `example` in evaluation, the target empty.

        A task whose `example` needs a target overrides this, so that `predict` can use it.
        """
        return replace(self.example(annotation, None), target="")

    def prediction(self, annotation: Annotation, output: str) -> Prediction:
        """The row of `predictions/TASK.jsonl` for an output."""
        answers = tuple(Answer(answer.text, answer.score) for answer in annotation.answers)
        return Prediction(
            id=annotation.id,
            output=output,
            references=annotation.references or tuple(answer.text for answer in answers),
            answers=answers,
            source=annotation.source,
            type=annotation.type,
            text=annotation.text,
            choices=annotation.choices,
        )
