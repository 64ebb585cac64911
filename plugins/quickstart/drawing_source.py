"""OpenMoji as bundles: compositional questions, captions, and statements about two drawings, split by concept."""

import math
import random
from collections.abc import Iterator

from multigraft import Annotation
from multigraft.plugins.quickstart.bundle import Bundle, chunks, make_record
from multigraft.plugins.quickstart.concept_split import concept_splits
from multigraft.plugins.quickstart.drawing_questions import (
    by_concept,
    drawing_caption,
    group_claims,
    group_questions,
    name_questions,
    yes_no_annotations,
    yes_no_questions,
)
from multigraft.plugins.quickstart.drawings import Concept, concepts, draw
from multigraft.plugins.quickstart.statements import annotate, balanced_statements

SOURCE = "openmoji"
_PICTURES = 8
_STATEMENT_ROUNDS = 24
_YES_NO_ROUNDS = 4


def members(split: str, seed: int) -> list[Concept]:
    """Concepts of a split in random order."""
    split_of = concept_splits(seed)
    found = [concept for concept in concepts() if split_of[concept.name] == split]
    random.Random(f"{SOURCE} {split} {seed}").shuffle(found)
    return found


def size(split: str, limit: int | None, seed: int) -> int:
    """Number of bundles of a split."""
    return math.ceil(len(members(split, seed)[:limit]) / _PICTURES)


def _about(concept: Concept, field: str, asked: list[tuple[str, str]], split: str) -> Iterator[Annotation]:
    unseen = "" if split == "train" else "unseen-"
    if split == "train":
        yield from name_questions(concept, field)
    yield from group_questions(concept, field, f"{unseen}group")
    yield from yes_no_annotations(asked, field, f"{unseen}yes-no")
    yield drawing_caption(concept, field)


def bundles(split: str, limit: int | None, seed: int) -> Iterator[Bundle]:
    """All bundles of a split, of at most `limit` drawings; names are asked in training only."""
    chosen = members(split, seed)[:limit]
    questions = by_concept(yes_no_questions(chosen, _YES_NO_ROUNDS, random.Random(f"{SOURCE} yes {split} {seed}")))
    for number, chunk in enumerate(chunks(chosen, _PICTURES)):
        key = f"{SOURCE}-{split}-{number:06d}"
        fields = {f"{place}.png": concept for place, concept in enumerate(chunk)}
        rows = [
            row
            for field, concept in fields.items()
            for row in _about(concept, field, questions.get(concept.name, []), split)
        ]
        random_pairs = random.Random(f"{key} {seed}")
        rows += annotate(balanced_statements(chunk, group_claims, _STATEMENT_ROUNDS, random_pairs), list(fields))
        media = {field: draw(concept) for field, concept in fields.items()}
        yield Bundle(make_record(key, SOURCE, rows), media)
