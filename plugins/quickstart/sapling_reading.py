"""Reading texts: a scene in words, a question about it, and the answer. No picture is needed to learn to compare words.

A quarter are questions of the quickstart's training splits, about scenes told by their captions; the others have the
same forms with general words.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from multigraft.core.data.annotation import Annotation, Record
from multigraft.plugins.quickstart import drawing_source, shape_source
from multigraft.plugins.quickstart.episode_plan import plan_episodes
from multigraft.plugins.quickstart.held_out import tells
from multigraft.plugins.quickstart.imagined import imagined
from multigraft.plugins.quickstart.prefixes import PREFIXES
from multigraft.plugins.quickstart.word_list import Words

_EPISODES = 2000
_CAPTIONS = ("image-captioning", "video-captioning")


@dataclass(frozen=True)
class Reading:
    """A text whose last words are hidden."""

    text: str
    answer: str


def told(scenes: Sequence[str]) -> str:
    """Scenes in words, after a question."""
    names = ("picture",) if len(scenes) == 1 else ("first picture", "second picture")
    return " ".join(f"{name}: {scene}" for name, scene in zip(names, scenes, strict=True))


@cache
def training_readings(seed: int) -> dict[tuple[str, str], list[Reading]]:
    """Source and task -> questions of the training split about scenes in words; none about held-out concepts."""
    found: dict[tuple[str, str], list[Reading]] = {}
    for source in (shape_source, drawing_source):
        for bundle in source.bundles("train", None, seed):
            for task, reading in _read(bundle.record):
                found.setdefault((source.SOURCE, task), []).append(reading)
    draw = random.Random(f"imagined {seed}")
    for plan in plan_episodes("train", _EPISODES, seed):
        scene, annotations = imagined(plan, draw)
        for annotation in annotations:
            found.setdefault(("babyai", annotation.task), []).extend(_readings(annotation, f"video: {scene}"))
    return {
        place: [one for one in every if not tells(f"{one.text} {one.answer}", seed)] for place, every in found.items()
    }


def general_reading(words: Words, draw: random.Random) -> Reading:
    """A question of one of the quickstart's forms about scenes of random words."""
    return draw.choice((_one_scene, _two_scenes, _sequence))(words, draw)


def _read(record: Record) -> Iterator[tuple[str, Reading]]:
    scenes: Mapping[str, str] = {
        annotation.media[0]: annotation.references[0].removeprefix("a ")
        for annotation in record.annotations
        if annotation.task in _CAPTIONS
    }
    for annotation in record.annotations:
        if all(field in scenes for field in annotation.media):
            context = told([scenes[field] for field in annotation.media])
            for reading in _readings(annotation, context):
                yield annotation.task, reading


def _readings(annotation: Annotation, context: str) -> Iterator[Reading]:
    asked = annotation.text
    if annotation.choices:
        asked += f" choices: {', '.join(annotation.choices)}"
    text = f"{PREFIXES[annotation.task]}{asked} {context}"
    yield from (Reading(text, answer.text) for answer in annotation.answers[:1])
    yield from (Reading(text, reference) for reference in annotation.references[:1])


def _scene(words: Words, draw: random.Random) -> tuple[str, str]:
    return draw.choice(words["adjective"]), draw.choice(words["noun"])


def _either(first: str, other: str, draw: random.Random) -> tuple[str, bool]:
    return (first, True) if draw.random() < 0.5 else (other, False)


def _one_scene(words: Words, draw: random.Random) -> Reading:
    (adjective, noun), (other_adjective, other_noun) = _scene(words, draw), _scene(words, draw)
    asked, right = _either(noun, other_noun, draw)
    how, so = _either(adjective, other_adjective, draw)
    forms = (
        (f"vqa: does the image contain a {asked}?", right),
        (f"vqa: is there a {how} thing in the image?", so),
        (f"vqa: is no {asked} in the image?", not right),
        (f"gqa: is this a {asked}?", right),
        ("vqa: what is in the image?", noun),
        ("vqa: how is it?", adjective),
    )
    text, answer = draw.choice(forms)
    said = answer if isinstance(answer, str) else ("yes" if answer else "no")
    return Reading(f"{text} {told([f'{adjective} {noun}'])}", said)


def _two_scenes(words: Words, draw: random.Random) -> Reading:
    first, second, third = (_scene(words, draw) for _ in range(3))
    if draw.random() < 0.5:
        second = (first[0], second[1]) if draw.random() < 0.5 else (second[0], first[1])
    asked, right = _either(first[1], third[1], draw)
    wanted, so = _either(second[1], third[1], draw)
    forms = (
        (f"nlvr: the first picture shows a {asked}", asked == first[1]),
        (f"nlvr: the second picture shows a {wanted}", wanted == second[1]),
        ("nlvr: both pictures show the same thing", first[1] == second[1]),
        ("nlvr: the pictures show different things", first[1] != second[1]),
        ("nlvr: the things are alike in kind", first[0] == second[0]),
        (f"nlvr: exactly one picture shows a {asked}", (asked == first[1]) != (asked == second[1])),
        (f"nlvr: one picture shows a {asked} and the other a {wanted}", right and so),
    )
    text, answer = draw.choice(forms)
    context = told([" ".join(first), " ".join(second)])
    return Reading(f"{text} {context}", "true" if answer else "false")


def _sequence(words: Words, draw: random.Random) -> Reading:
    seen = [" ".join(_scene(words, draw)) for _ in range(draw.randint(2, 4))]
    asked, answer = draw.choice((("first", seen[0]), ("last", seen[-1])))
    prefix, choices = "video-qa", ""
    if draw.random() < 0.5:
        others = [" ".join(_scene(words, draw)) for _ in range(4 - len(seen))]
        prefix, choices = "video-mc", f" choices: {', '.join(draw.sample([*seen, *others], 4))}"
    return Reading(f"{prefix}: which item did the agent reach {asked}?{choices} video: {', '.join(seen)}", answer)
