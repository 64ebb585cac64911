"""What the sapling reads: the texts of the quickstart's training splits, and general English."""

import random
from collections.abc import Iterator
from functools import cache

from multigraft.core.data.annotation import Annotation
from multigraft.plugins.quickstart import drawing_source, episode_source, shape_source
from multigraft.plugins.quickstart.episode_plan import COLORS, THINGS, Plan, Thing, plan_episodes
from multigraft.plugins.quickstart.episode_questions import ACTIONS, ask
from multigraft.plugins.quickstart.held_out import harmless, held_out_words
from multigraft.plugins.quickstart.word_list import general_words, sentence

_PREFIXES = {
    "visual-question-answering": "vqa: ",
    "compositional-question-answering": "gqa: ",
    "two-image-statements": "nlvr: ",
    "image-captioning": "caption: ",
    "multiple-choice-video-question-answering": "video-mc: ",
    "open-video-question-answering": "video-qa: ",
    "video-captioning": "video-caption: ",
}
_EPISODES = 2000
_GENERAL = 0.5
"""Part of the texts that is general English."""


def _texts(annotation: Annotation) -> Iterator[str]:
    prefix = _PREFIXES[annotation.task]
    asked = annotation.text
    if annotation.choices:
        asked += f" choices: {', '.join(annotation.choices)}"
    yield from (f"{prefix}{asked} {answer.text}" for answer in annotation.answers)
    yield from (f"{prefix}{reference}" for reference in annotation.references)


def _imagined(plan: Plan, draw: random.Random) -> list[Annotation]:
    """What could be asked about an episode, without playing it."""
    things = draw.sample([Thing(color, type_) for color in COLORS for type_ in THINGS], 4)
    if plan.target is None:
        return ask(plan, things, "")
    other = next(thing for thing in things if thing != plan.target)
    second = f" the {other}" if plan.kind == "put-next" else ""
    mission = f"{ACTIONS[plan.kind]} the {plan.target}{second}"
    if plan.kind == "put-next":
        mission = f"put the {plan.target} next to{second}"
    return ask(plan, (plan.target, other), mission)


def _annotations(seed: int) -> Iterator[tuple[str, Annotation]]:
    for source in (shape_source, drawing_source):
        for bundle in source.bundles("train", None, seed):
            yield from ((source.SOURCE, annotation) for annotation in bundle.record.annotations)
    draw = random.Random(f"imagined {seed}")
    for plan in plan_episodes("train", _EPISODES, seed):
        yield from ((episode_source.SOURCE, annotation) for annotation in _imagined(plan, draw))


@cache
def training_texts(seed: int) -> dict[tuple[str, str], list[str]]:
    """Source and task -> texts of the training split, input and output in one line, as often as they occur."""
    found: dict[tuple[str, str], list[str]] = {}
    for source, annotation in _annotations(seed):
        found.setdefault((source, annotation.task), []).extend(_texts(annotation))
    return {place: harmless(texts, seed) for place, texts in found.items()}


def sapling_texts(count: int, seed: int) -> list[str]:
    """`count` texts in random order: every general word once, then sentences and task texts in equal parts.

    Words of held-out concepts stand alone, in no sentence.
    """
    draw = random.Random(f"sapling {seed}")
    words = general_words(held_out_words(seed))
    single = sorted({word for kind in general_words().values() for word in kind})
    texts = draw.sample(single, min(len(single), count // 4))
    tasks = list(training_texts(seed).values())
    while len(texts) < count:
        if draw.random() < _GENERAL:
            texts += harmless([sentence(words, draw)], seed)
        else:
            texts.append(draw.choice(draw.choice(tasks)))
    draw.shuffle(texts)
    return texts
