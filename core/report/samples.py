"""Which predictions a page shows, and their pictures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from multigraft.core.types.prediction import Prediction

_EACH = 6


@dataclass(frozen=True)
class Thumbnails:
    """What is shown of a medium."""

    uris: tuple[str, ...] = ()
    """One for a picture or a sound, a few frames of a video."""
    problem: str = ""
    """Why there are none."""
    sound: str = ""
    """The file of a sound as a data URI, if it is small enough to be played in the page."""


@dataclass(frozen=True)
class Sample:
    """A prediction with its pictures as data URIs."""

    prediction: Prediction
    pictures: tuple[str, ...]
    problems: tuple[str, ...]
    """A line for each of its media that cannot be shown."""
    sounds: tuple[str, ...] = ()
    """Data URIs of those that can be played."""


@dataclass(frozen=True)
class Drawn:
    """Some predictions of a task."""

    task: str
    how: str
    """How they were chosen, in words."""
    samples: tuple[Sample, ...]


def draw_samples(
    predictions: Mapping[str, Sequence[Prediction]], show: Callable[[Iterable[str]], Mapping[str, Thumbnails]]
) -> list[Drawn]:
    """A few predictions of each task, right and wrong ones, drawn evenly over its file. `show` gives media by name."""
    chosen = {task: _choose(rows) for task, rows in predictions.items() if rows}
    media = {name for rows, _ in chosen.values() for row in rows for name in row.media}
    found = show(sorted(media))
    return [
        Drawn(task, how, tuple(_sample(row, [found[name] for name in row.media]) for row in rows))
        for task, (rows, how) in chosen.items()
    ]


def _sample(row: Prediction, media: Sequence[Thumbnails]) -> Sample:
    uris = tuple(uri for each in media for uri in each.uris)
    problems = tuple(each.problem for each in media if each.problem)
    return Sample(row, uris, problems, tuple(each.sound for each in media if each.sound))


def _choose(rows: Sequence[Prediction]) -> tuple[list[Prediction], str]:
    scored = [(row, row.score) for row in rows if row.score is not None]
    if len(scored) < len(rows):
        some = _evenly(rows, 2 * _EACH)
        return some, f"{len(some)} of {len(rows):,}, drawn evenly"
    right = [row for row, score in scored if score >= 0.5]
    wrong = [row for row, score in scored if score < 0.5]
    some_right, some_wrong = _evenly(right, _EACH), _evenly(wrong, _EACH)
    how = f"{len(some_right)} of {len(right):,} right and {len(some_wrong)} of {len(wrong):,} wrong ones, drawn evenly"
    return [*some_right, *some_wrong], how


def _evenly(rows: Sequence[Prediction], count: int) -> list[Prediction]:
    if len(rows) <= count:
        return list(rows)
    return [rows[(2 * i + 1) * len(rows) // (2 * count)] for i in range(count)]
