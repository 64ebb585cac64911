"""Answers in the order of their log-probabilities."""

from collections.abc import Sequence

from multigraft import Answer, Said


def best_first(texts: Sequence[str], scores: Sequence[float], others: int | None = None) -> Said:
    """The likeliest text, the first of equals, and those behind it.

    Args:
        others: how many of those behind it are kept; all if left out.
    """
    most = len(texts) if others is None else others + 1
    order = sorted(range(len(texts)), key=lambda number: -scores[number])[:most]
    best, *behind = [Answer(texts[number], scores[number]) for number in order]
    return Said(best.text, best.score, tuple(behind))
