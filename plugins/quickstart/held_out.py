"""Keeps what the sapling reads free of anything that tells about concepts held out from training."""

import re
from collections.abc import Iterable
from functools import cache

from multigraft.plugins.quickstart.concept_split import concept_splits
from multigraft.plugins.quickstart.drawing_questions import names
from multigraft.plugins.quickstart.drawings import GROUPS, concepts

_WORD = re.compile(r"[a-z0-9-]+")
_GROUP_WORDS = frozenset((*GROUPS.values(), *(f"{group}s" for group in GROUPS.values()), "activities", "foods"))


@cache
def held_out_names(seed: int) -> frozenset[str]:
    """All names of the concepts of validation and test."""
    split_of = concept_splits(seed)
    return frozenset(name for one in concepts() if split_of[one.name] != "train" for name in names(one))


@cache
def held_out_words(seed: int) -> frozenset[str]:
    """Every word of those names."""
    return frozenset(word for name in held_out_names(seed) for word in _WORD.findall(name))


def _normal(text: str) -> str:
    singular = (word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _WORD.findall(text))
    return f" {' '.join(singular)} "


@cache
def _normal_names(seed: int) -> frozenset[str]:
    return frozenset(_normal(name) for name in held_out_names(seed))


def tells(text: str, seed: int) -> bool:
    """Whether a text names a held-out concept together with the word of a group; plurals count as singulars."""
    words = set(_WORD.findall(text))
    if not words & _GROUP_WORDS:
        return False
    normal = _normal(text)
    return any(name in normal for name in _normal_names(seed))


def harmless(texts: Iterable[str], seed: int) -> list[str]:
    """The texts that do not tell."""
    return [text for text in texts if not tells(text, seed)]
