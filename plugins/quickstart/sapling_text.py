"""What the sapling reads: the texts of the quickstart's training splits, and general English."""

import random
from collections.abc import Iterator
from functools import cache

from multigraft import Annotation
from multigraft.plugins.quickstart import drawing_source, episode_source, shape_source
from multigraft.plugins.quickstart.episode_plan import plan_episodes
from multigraft.plugins.quickstart.held_out import harmless, held_out_words
from multigraft.plugins.quickstart.imagined import imagined
from multigraft.plugins.quickstart.prefixes import PREFIXES
from multigraft.plugins.quickstart.sapling_reading import Reading, general_reading, training_readings
from multigraft.plugins.quickstart.word_list import general_words, read_words, sentence

_EPISODES = 2000
_READING = 0.6
"""Part of the texts, single words apart, that are read to answer a question."""
_GENERAL = 0.5
"""Part of either kind that is general English."""


def _texts(annotation: Annotation) -> Iterator[str]:
    prefix = PREFIXES[annotation.task]
    asked = annotation.text
    if annotation.choices:
        asked += f" choices: {', '.join(annotation.choices)}"
    yield from (f"{prefix}{asked} {answer.text}" for answer in annotation.answers)
    yield from (f"{prefix}{reference}" for reference in annotation.references)


def _annotations(seed: int) -> Iterator[tuple[str, Annotation]]:
    for source in (shape_source, drawing_source):
        for bundle in source.bundles("train", None, seed):
            yield from ((source.SOURCE, annotation) for annotation in bundle.record.annotations)
    draw = random.Random(f"imagined {seed}")
    for plan in plan_episodes("train", _EPISODES, seed):
        yield from ((episode_source.SOURCE, annotation) for annotation in imagined(plan, draw)[1])


@cache
def training_texts(seed: int) -> dict[tuple[str, str], list[str]]:
    """Source and task -> texts of the training split, input and output in one line, as often as they occur."""
    found: dict[tuple[str, str], list[str]] = {}
    for source, annotation in _annotations(seed):
        found.setdefault((source, annotation.task), []).extend(_texts(annotation))
    return {place: harmless(texts, seed) for place, texts in found.items()}


def sapling_texts(count: int, seed: int) -> list[str | Reading]:
    """`count` texts in random order: every general word once, then texts to restore and texts to read.

    Words of held-out concepts stand alone, in no sentence.
    """
    draw = random.Random(f"sapling {seed}")
    words = general_words(held_out_words(seed))
    read = read_words(words)
    single = sorted({word for kind in general_words().values() for word in kind})
    texts: list[str | Reading] = list(draw.sample(single, min(len(single), count // 8)))
    tasks, readings = list(training_texts(seed).values()), list(training_readings(seed).values())
    while len(texts) < count:
        general = draw.random() < _GENERAL
        if draw.random() < _READING:
            texts.append(general_reading(read, draw) if general else draw.choice(draw.choice(readings)))
        elif general:
            texts += harmless([sentence(words, draw)], seed)
        else:
            texts.append(draw.choice(draw.choice(tasks)))
    draw.shuffle(texts)
    return texts
