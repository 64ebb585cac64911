"""The ids that a backbone has words for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """Ids of a tokenizer."""

    size: int
    """Ids below this have a word."""
    mask: int | None = None
    """Id that stands for a hidden word; None where there is none."""
    kept: frozenset[int] = frozenset()
    """Ids that are never hidden: what fills up, and what begins a text."""
