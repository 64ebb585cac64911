"""Reading texts: a scene in words, a question about it, and the answer. No picture is needed to learn to compare words.

Half are questions of the quickstart's training splits, about scenes told by their captions or, drawings, also by their
groups («shiny animal»: pairs too many to be learned by heart); the others have the same forms with general words. Where
a drawing is told by its name and its group is asked for, the answer is not in the text: that is recalled.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial

from multigraft import Annotation, Record
from multigraft.plugins.quickstart import drawing_source, episode_source, shape_source
from multigraft.plugins.quickstart.episode_plan import plan_episodes
from multigraft.plugins.quickstart.held_out import held_out_words, tells
from multigraft.plugins.quickstart.imagined import imagined
from multigraft.plugins.quickstart.prefixes import PREFIXES
from multigraft.plugins.quickstart.word_list import Words, general_words, read_words

_EPISODES = 2000
_CAPTIONS = ("image-captioning", "video-captioning")
_GROUP, _NAME = "group", "name"
"""Types of the questions about drawings."""
GENERAL = "general"
"""Source of the readings of general words."""
_FORMS = {
    "visual-question-answering": "one-scene",
    "compositional-question-answering": "one-scene",
    "two-image-statements": "two-scenes",
    "image-captioning": "caption",
    "video-captioning": "caption",
    "multiple-choice-video-question-answering": "sequence",
    "open-video-question-answering": "sequence",
}
"""Task -> form of its readings: what is read, to answer."""

Scene = tuple[str, str]
"""An adjective and a noun."""
_FORMS_OF_TWO: tuple[Callable[[Scene, Scene, str, str], tuple[str, bool]], ...] = (
    lambda first, second, one, other: (f"nlvr: the first picture shows a {one}", one == first[1]),
    lambda first, second, one, other: (f"nlvr: the second picture shows a {one}", one == second[1]),
    lambda first, second, one, other: ("nlvr: both pictures show the same thing", first[1] == second[1]),
    lambda first, second, one, other: ("nlvr: the pictures show different things", first[1] != second[1]),
    lambda first, second, one, other: ("nlvr: the things are alike in kind", first[0] == second[0]),
    lambda first, second, one, other: (
        f"nlvr: exactly one picture shows a {one}",
        (one == first[1]) != (one == second[1]),
    ),
    lambda first, second, one, other: (
        f"nlvr: one picture shows a {one} and the other a {other}",
        {one, other} == {first[1], second[1]},
    ),
)
"""Two scenes and two nouns, of them or not -> a statement, and whether it is true."""


@dataclass(frozen=True)
class Reading:
    """A text whose last words are hidden."""

    source: str
    task: str
    text: str
    answer: str
    recalled: bool = False
    """Whether the answer is not in the text."""

    @property
    def form(self) -> str:
        """`one-scene`, `two-scenes`, `sequence` or `caption`."""
        return _FORMS[self.task]

    @property
    def type(self) -> str:
        """Its task, or `recall` where the answer is not in the text."""
        return "recall" if self.recalled else self.task


def told(scenes: Sequence[str]) -> str:
    """Scenes in words, after a question."""
    names = ("picture",) if len(scenes) == 1 else ("first picture", "second picture")
    return " ".join(f"{name}: {scene}" for name, scene in zip(names, scenes, strict=True))


@cache
def training_readings(seed: int) -> dict[tuple[str, str], list[Reading]]:
    """Source and task -> questions of the training split about scenes in words; none about held-out concepts."""
    found: dict[tuple[str, str], list[Reading]] = {}
    adjectives, draw = read_words(general_words(held_out_words(seed)))["adjective"], random.Random(f"imagined {seed}")
    for source in (shape_source, drawing_source):
        for bundle in source.bundles("train", None, seed):
            for reading in _read(bundle.record, partial(draw.choice, adjectives)):
                found.setdefault((source.SOURCE, reading.task), []).append(reading)
    for plan in plan_episodes("train", _EPISODES, seed):
        scene, annotations = imagined(plan, draw)
        for annotation in annotations:
            readings = _readings(episode_source.SOURCE, annotation, f"video: {scene}")
            found.setdefault((episode_source.SOURCE, annotation.task), []).extend(readings)
    return {
        place: [one for one in every if not tells(f"{one.text} {one.answer}", seed)] for place, every in found.items()
    }


def general_reading(words: Words, draw: random.Random) -> Reading:
    """A question of one of the quickstart's forms about scenes of random words."""
    return draw.choice((_one_scene, _two_scenes, _sequence))(words, draw)


def _read(record: Record, adjective: Callable[[], str]) -> Iterator[Reading]:
    named = {row.media[0]: row.references[0].removeprefix("a ") for row in record.annotations if row.task in _CAPTIONS}
    grouped = {row.media[0]: row.answers[0].text for row in record.annotations if row.type == _GROUP}
    for annotation in record.annotations:
        of_groups = bool(grouped) and annotation.type != _NAME and annotation.task not in _CAPTIONS
        by_group = {field: f"{adjective()} {grouped[field]}" for field in annotation.media if of_groups}
        for scenes, recalled in ((named, of_groups), (by_group, False)):
            if all(field in scenes for field in annotation.media):
                context = told([scenes[field] for field in annotation.media])
                yield from _readings(record.source, annotation, context, recalled)


def _readings(source: str, annotation: Annotation, context: str, recalled: bool = False) -> Iterator[Reading]:
    asked = annotation.text
    if annotation.choices:
        asked += f" choices: {', '.join(annotation.choices)}"
    text = f"{PREFIXES[annotation.task]}{asked} {context}"
    right = [*(answer.text for answer in annotation.answers), *annotation.references]
    yield from (Reading(source, annotation.task, text, answer, recalled) for answer in right[:1])


def _scene(words: Words, draw: random.Random) -> Scene:
    return draw.choice(words["adjective"]), draw.choice(words["noun"])


def _either(first: str, other: str, draw: random.Random) -> tuple[str, bool]:
    return (first, True) if draw.random() < 0.5 else (other, False)


def _general(text: str, context: str, answer: str | bool, said: tuple[str, str] = ("no", "yes")) -> Reading:
    task = next(task for task, prefix in PREFIXES.items() if text.startswith(prefix))
    return Reading(GENERAL, task, f"{text} {context}", answer if isinstance(answer, str) else said[answer])


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
    return _general(text, told([f"{adjective} {noun}"]), answer)


def _two_scenes(words: Words, draw: random.Random) -> Reading:
    """A statement of any form, as often true as false."""
    form, wanted = draw.randrange(len(_FORMS_OF_TWO)), draw.random() < 0.5
    while True:
        first, second, third = (_scene(words, draw) for _ in range(3))
        if draw.random() < 0.5:
            second = (first[0], second[1]) if draw.random() < 0.5 else (second[0], first[1])
        text, true = _FORMS_OF_TWO[form](first, second, *draw.sample((first[1], second[1], third[1]), 2))
        if true == wanted:
            return _general(text, told([" ".join(first), " ".join(second)]), true, ("false", "true"))


def _sequence(words: Words, draw: random.Random) -> Reading:
    seen = [" ".join(_scene(words, draw)) for _ in range(draw.randint(2, 4))]
    asked, answer = draw.choice((("first", seen[0]), ("last", seen[-1])))
    prefix, choices = "video-qa", ""
    if draw.random() < 0.5:
        others = [" ".join(_scene(words, draw)) for _ in range(4 - len(seen))]
        prefix, choices = "video-mc", f" choices: {', '.join(draw.sample([*seen, *others], 4))}"
    return _general(f"{prefix}: which item did the agent reach {asked}?{choices}", f"video: {', '.join(seen)}", answer)
