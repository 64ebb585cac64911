"""A bundle: the record and the media of one KEY, as a source makes them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from multigraft import Annotation, Record, ScoredAnswer

SPLITS = ("train", "validation", "test")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Bundle:
    """What goes under one KEY of a shard."""

    record: Record
    media: Mapping[str, bytes] = field(default_factory=dict)
    """Field such as `3.png` -> bytes."""


def make_record(key: str, source: str, annotations: Iterable[Annotation]) -> Record:
    """The record of `key`; its annotations are numbered from 0."""
    numbered = (row.model_copy(update={"id": f"{key}-{number:03d}"}) for number, row in enumerate(annotations))
    return Record(id=key, source=source, annotations=tuple(numbered))


def question(
    task: str, kind: str, text: str, answers: Sequence[str], media: Sequence[str], choices: Sequence[str] = ()
) -> Annotation:
    """A question whose `answers` are all right; its number comes later."""
    scored = tuple(ScoredAnswer(text=answer) for answer in answers)
    return Annotation(
        id="", task=task, type=kind, text=text, answers=scored, choices=tuple(choices), media=tuple(media)
    )


def caption(task: str, kind: str, references: Sequence[str], media: Sequence[str]) -> Annotation:
    """A caption with all that may be said; its number comes later."""
    return Annotation(id="", task=task, type=kind, references=tuple(references), media=tuple(media))


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Consecutive pieces of `size` items; the last may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
