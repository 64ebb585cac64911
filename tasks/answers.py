"""What tasks read from an annotation: its question, its answers, its references."""

import random
from collections import Counter

from multigraft import Annotation, BadSample, ScoredAnswer

_SCORES_BY_AGREEMENT = (0.0, 0.3, 0.6, 0.9, 1.0)
"""Soft score of an answer by how many of ten annotators gave it: its leave-one-out accuracy (VQA v2)."""
_FEWEST_ANNOTATORS = 4


def missing(field: str, annotation: Annotation) -> BadSample:
    """The error for an annotation that lacks a field."""
    return BadSample("missing field", f"{field} of annotation {annotation.id}")


def question(annotation: Annotation) -> str:
    """The question or statement.

    Raises:
        BadSample: `missing field`, if it is empty.
    """
    if not annotation.text.strip():
        raise missing("text", annotation)
    return annotation.text


def scored_answers(annotation: Annotation) -> tuple[ScoredAnswer, ...]:
    """The answers with their soft scores; where only references are given, scored by how many annotators agree."""
    if annotation.answers:
        return annotation.answers
    counts = Counter(annotation.references)
    if len(annotation.references) < _FEWEST_ANNOTATORS:
        return tuple(ScoredAnswer(text=text) for text in counts)
    return tuple(ScoredAnswer(text=text, score=_SCORES_BY_AGREEMENT[min(4, count)]) for text, count in counts.items())


def best_answer(annotation: Annotation) -> str:
    """The answer with the highest score, the first of equals.

    Raises:
        BadSample: `missing field`, if there is neither an answer nor a reference.
    """
    answers = scored_answers(annotation)
    if not answers:
        raise missing("answers", annotation)
    return max(answers, key=lambda answer: answer.score).text


def texts_to_say(annotation: Annotation) -> tuple[str, ...]:
    """All texts that are right: the references, or else the answers.

    Raises:
        BadSample: `missing field`, if there are none.
    """
    texts = annotation.references or tuple(answer.text for answer in annotation.answers)
    if not texts:
        raise missing("references", annotation)
    return texts


def drawn_answer(annotation: Annotation, draw: random.Random | None) -> ScoredAnswer:
    """An answer drawn in proportion to its score, the best one without `draw`; empty, with score 0, if none scores.

    Raises:
        BadSample: `missing field`, if there is neither an answer nor a reference.
    """
    if not annotation.answers and not annotation.references:
        raise missing("answers", annotation)
    answers = [answer for answer in scored_answers(annotation) if answer.score > 0]
    if not answers:
        return ScoredAnswer(text="", score=0.0)
    if draw is None:
        return max(answers, key=lambda answer: answer.score)
    return draw.choices(answers, [answer.score for answer in answers])[0]
