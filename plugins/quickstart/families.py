"""Which drawings are near duplicates, so that a split by concept keeps them on one side."""

import re
from collections.abc import Sequence

from multigraft.plugins.quickstart.drawings import Concept

_WEAK = (
    "a and at of the in on to with without for up face hot cold red green blue orange black white brown "
    "yellow small big large behind symbol open closed new old full left right pointing sign high low "
    "first second third one two three four five six seven eight nine ten eleven twelve thirty front "
    "facing lower no half part double light japanese european electric police snow nose ball sweet fried "
    "hand roller mountain human suspension water "
)
"""Words that make no concepts akin."""

_SIBLINGS = (
    ("dog", "poodle"),
    ("chicken", "rooster"),
    ("whale", "dolphin"),
    ("boar", "pig"),
    ("sunrise", "sunset over buildings", "cityscape", "sunrise over mountains"),
    ("church", "wedding"),
    ("high-speed train", "metro", "light rail", "tram car", "monorail", "railway car"),
    ("taxi", "automobile", "police car"),
    ("alarm clock", "stopwatch", "timer clock", "watch"),
    ("ship", "ferry", "motor boat", "speedboat", "passenger ship"),
    ("baseball", "softball"),
    ("american football", "rugby football"),
    ("playing card black joker", "flower playing cards", "mahjong tile red dragon"),
    ("eyeglasses", "sunglasses", "goggles"),
    ("top hat", "womans hat"),
    ("mobile phone", "black telephone", "telephone receiver"),
    ("optical disc", "dvd"),
    ("movie camera", "film projector"),
    ("notebook", "closed book", "ledger"),
    ("envelope", "e-mail symbol"),
    ("link symbol", "chains"),
    ("fountain pen", "pen", "black nib", "pencil", "crayon"),
    ("bikini", "one-piece swimsuit"),
    ("dagger", "crossed swords"),
    ("bus", "trolleybus", "minibus"),
    ("snowman", "snowman without snow"),
    ("first place medal", "sports medal"),
)


def strong_words(name: str) -> set[str]:
    """The words of a name that make it akin to others, plurals cut to singulars."""
    words = re.findall(r"[a-z]+", name.lower())
    singular = (word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words)
    return {word for word in singular if len(word) > 1 and word not in _WEAK.split()}


def families(concepts: Sequence[Concept]) -> list[list[Concept]]:
    """Concepts of one group that share a strong word, or that are known siblings; chains are followed."""
    leader = {concept.name: concept.name for concept in concepts}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    met: dict[str, str] = {}
    for concept in concepts:
        for word in sorted(strong_words(concept.name)):
            first = met.setdefault(f"{concept.group} {word}", concept.name)
            leader[find(concept.name)] = find(first)
    for siblings in _SIBLINGS:
        known = [name for name in siblings if name in leader]
        for name in known[1:]:
            leader[find(name)] = find(known[0])
    found: dict[str, list[Concept]] = {}
    for concept in concepts:
        found.setdefault(find(concept.name), []).append(concept)
    return list(found.values())
