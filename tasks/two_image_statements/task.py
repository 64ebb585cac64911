"""Statements about two images, after NLVR2 (Suhr et al. 2019): `true` or `false`."""

import random
from dataclasses import replace

from multigraft import Annotation, BadSample, Task, TextPair
from multigraft.tasks.answers import best_answer, missing, question
from multigraft.tasks.pieces import asked
from multigraft.tasks.two_image_statements.options import TwoImageStatementsOptions

CHOICES = ("true", "false")
_PICTURES = 2


class TwoImageStatements(Task):
    """The statement goes in, `true` or `false` should come out."""

    def ask(self, annotation: Annotation) -> TextPair:
        """The statement and both choices.

        Raises:
            BadSample: `missing field`, without a statement or with other than two media.
        """
        if len(annotation.media) != _PICTURES:
            raise missing(f"media (two, not {len(annotation.media)})", annotation)
        return TextPair.of(asked(annotation, question(annotation)), "", annotation.weight, CHOICES)

    def example(self, annotation: Annotation, draw: random.Random | None) -> TextPair:
        """The statement and its truth.

        Raises:
            BadSample: as `ask`; `bad annotation` for an answer other than `true` and `false`.
        """
        answer = best_answer(annotation)
        if answer not in CHOICES:
            raise BadSample("bad annotation", f"answer {answer!r} of {annotation.id} is neither `true` nor `false`")
        return replace(self.ask(annotation), target=answer)


def build(options: TwoImageStatementsOptions) -> TwoImageStatements:
    """Statements about two images."""
    return TwoImageStatements()
