"""What is asked and said about OpenMoji drawings; yes and no are equally frequent for every text."""

import random
from collections.abc import Mapping, Sequence

from multigraft import Annotation
from multigraft.plugins.quickstart.bundle import caption, question
from multigraft.plugins.quickstart.drawings import Concept
from multigraft.plugins.quickstart.statements import Claim

PHRASES = {"animal": "an animal", "food": "food", "travel": "travel", "object": "an object", "activity": "an activity"}
"""Group -> how it stands in a sentence."""

_TASK = "compositional-question-answering"
_NAME = ("what is this?", "what does the picture show?", "what is the name of this?")
_GROUP = ("which group does this belong to?", "which group?", "what kind of thing is this?")
_YES_NO = ("is this {}?", "does the picture show {}?", "would you call this {}?")


def _others(concepts: Sequence[Concept], draw: random.Random) -> list[tuple[Concept, str]]:
    """Each concept with a group that is not its own, each group as often as it has concepts, where that can be."""
    ordered = sorted(draw.sample(concepts, len(concepts)), key=lambda concept: concept.group)
    largest = max(sum(other.group == group for other in ordered) for group in PHRASES)
    half = len(ordered) // 2
    shift = draw.randint(min(largest, half), max(len(ordered) - largest, half))
    return [(concept, ordered[(place + shift) % len(ordered)].group) for place, concept in enumerate(ordered)]


def yes_no_questions(concepts: Sequence[Concept], rounds: int, draw: random.Random) -> list[tuple[Concept, str, str]]:
    """`(concept, text, answer)`, every text as often with yes as with no; at most two a concept and round."""
    found = []
    for _ in range(rounds):
        others = _others(concepts, draw)
        for group, phrase in PHRASES.items():
            members = draw.sample(concepts, len(concepts))
            yes = [concept for concept in members if concept.group == group]
            no = [concept for concept, other in others if other == group and concept.group != group]
            for right, wrong in zip(yes, no, strict=False):
                text = draw.choice(_YES_NO).format(phrase)
                found += [(right, text, "yes"), (wrong, text, "no")]
    return found


def names(concept: Concept) -> list[str]:
    """All that the concept is called, the name first."""
    return [concept.name, *concept.synonyms]


def group_questions(concept: Concept, field: str, kind: str) -> list[Annotation]:
    """Which group a drawing belongs to, in all wordings."""
    return [question(_TASK, kind, text, [concept.group], [field]) for text in _GROUP]


def name_questions(concept: Concept, field: str) -> list[Annotation]:
    """What a drawing is, in all wordings; only sensible for concepts that are trained on."""
    return [question(_TASK, "name", text, names(concept), [field]) for text in _NAME]


def yes_no_annotations(asked: Sequence[tuple[str, str]], field: str, kind: str) -> list[Annotation]:
    """Questions of `yes_no_questions` about the drawing in `field`."""
    return [question(_TASK, kind, text, [answer], [field]) for text, answer in asked]


def drawing_caption(concept: Concept, field: str) -> Annotation:
    """The names of a drawing and two plain descriptions, the second by its group."""
    texts = [*names(concept), f"a drawing of {concept.name}", f"a drawing of {PHRASES[concept.group]}"]
    return caption("image-captioning", "drawing", texts, [field])


def group_claims(first: Concept, second: Concept) -> list[Claim[Concept]]:
    """Claims about the groups of two drawings that hold, one of each type."""
    one, two = first.group, second.group
    claims: list[Claim[Concept]] = [
        Claim("first-group", f"the first picture shows {PHRASES[one]}", lambda a, _: a.group == one),
        Claim("second-group", f"the second picture shows {PHRASES[two]}", lambda _, b: b.group == two),
    ]
    if one == two:
        text = f"both pictures show {PHRASES[one]}"
        return [
            *claims,
            Claim("same-group", "both pictures belong to the same group", lambda a, b: a.group == b.group),
            Claim("both-group", text, lambda a, b: a.group == b.group == one),
        ]
    text = f"exactly one picture shows {PHRASES[one]}"
    return [
        *claims,
        Claim("same-group", "the pictures belong to different groups", lambda a, b: a.group != b.group),
        Claim("exactly-one", text, lambda a, b: (a.group == one) != (b.group == one)),
    ]


def by_concept(asked: Sequence[tuple[Concept, str, str]]) -> Mapping[str, list[tuple[str, str]]]:
    """Name of the concept -> its `(text, answer)` pairs."""
    found: dict[str, list[tuple[str, str]]] = {}
    for concept, text, answer in asked:
        found.setdefault(concept.name, []).append((text, answer))
    return found
