"""What shards hold, in numbers: annotations by task and source, answers, lengths of texts, and media by ending."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from multigraft.core.data.decode import DecodeWorkers
from multigraft.core.data.modalities import kinds_by_ending
from multigraft.core.data.open_file import OpenFile
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.records import RECORD_FIELD
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.upkeep.findings import Findings
from multigraft.core.data.upkeep.media_headers import MediaHeaders
from multigraft.core.data.upkeep.spread import Spread
from multigraft.core.errors import BadSample, MultigraftError, legible
from multigraft.core.interfaces.input import Input
from multigraft.core.types.annotation import Annotation
from multigraft.core.types.media import ending_of

MOST_DISTINCT = 1_000_000
"""Answers of a task and source that are told apart; others are counted together."""
_SHOWN = 20
_FACTS = ("width", "height", "seconds", "fps")
_SPREADS = ("question_words", "answer_words", "choices", "media")
_THREADS = 4
_PROCESSES = 2


@dataclass
class AnnotationFacts:
    """The annotations of one task and source."""

    annotations: int = 0
    samples: int = 0
    without_answers: int = 0
    types: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    other_answers: int = 0
    """Answers beyond `MOST_DISTINCT` different ones."""
    question_words: Spread = field(default_factory=Spread)
    answer_words: Spread = field(default_factory=Spread)
    choices: Spread = field(default_factory=Spread)
    """Of those annotations that have any."""
    media: Spread = field(default_factory=Spread)
    """Media that an annotation names."""

    def add(self, annotation: Annotation) -> None:
        """Count an annotation. Its answers are `answers`, or `references` where there are none; words are what white
        space parts."""
        self.annotations += 1
        self.types[legible(annotation.type)] += 1
        self.question_words.add(len(annotation.text.split()))
        self.media.add(len(annotation.media))
        if annotation.choices:
            self.choices.add(len(annotation.choices))
        answers = [answer.text for answer in annotation.answers] or annotation.references
        self.without_answers += not answers
        for text in answers:
            self.answer_words.add(len(text.split()))
            if text in self.answers or len(self.answers) < MOST_DISTINCT:
                self.answers[text] += 1
            else:
                self.other_answers += 1

    def told(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "annotations": self.annotations, "samples": self.samples, "types": dict(self.types.most_common()),
            "without_answers": self.without_answers, "answers": self.answers.total() + self.other_answers,
            "distinct_answers": len(self.answers),
            "answers_not_told_apart": self.other_answers,
            "most_frequent_answers": [[legible(text), count] for text, count in self.answers.most_common(_SHOWN)],
            **{name: getattr(self, name).quantiles() for name in _SPREADS},
        }  # fmt: skip


@dataclass
class MediaFacts:
    """The media of one ending."""

    kind: str
    """`image`, `video`, ... as the inputs say; empty where none reads it."""
    bytes: Spread = field(default_factory=Spread)
    width: Spread = field(default_factory=Spread)
    height: Spread = field(default_factory=Spread)
    seconds: Spread = field(default_factory=Spread)
    fps: Spread = field(default_factory=Spread)
    headers: int = 0
    """Files whose headers were looked at."""

    def told(self) -> dict[str, Any]:
        """In plain values."""
        names = ("bytes", "width", "height", "seconds", "fps")
        return {
            "kind": self.kind, "files": len(self.bytes), "total_bytes": int(self.bytes.values.sum()),
            "headers": self.headers, **{name: getattr(self, name).quantiles() for name in names},
        }  # fmt: skip


class Statistics:
    """Collects what shards hold.

    Args:
        inputs: say what kind of media each ending stands for, and what is in headers.
        headers: of each shard's media, how many headers are looked at for each ending, evenly drawn.
    """

    def __init__(self, inputs: Sequence[Input], headers: int) -> None:
        self._kinds, self._headers = kinds_by_ending(inputs), headers
        self._reader = MediaHeaders(inputs, DecodeWorkers(_THREADS, _PROCESSES))
        self.tasks: dict[tuple[str, str], AnnotationFacts] = {}
        """By task and source."""
        self.media: dict[str, MediaFacts] = {}
        """By ending."""
        self.findings = Findings()
        self.shards = self.samples = 0

    def add_file(self, path: Path) -> bool:
        """Count what is in a shard; whether the file is one."""
        try:
            shard = open_shard(path)
        except MultigraftError as error:
            self.findings.add("no shard", path, detail=str(error))
            return False
        self._add(shard)
        return True

    def _add(self, shard: Shard) -> None:
        self.shards += 1
        self.samples += shard.index.head.samples
        for problem in shard.index.problems:
            self.findings.add_problem(shard.name, problem)
        self._add_annotations(shard)
        self._add_media(shard)

    def _add_annotations(self, shard: Shard) -> None:
        samples: dict[tuple[str, str], set[int]] = {}
        for row in range(len(shard.index.annotations.sample)):
            try:
                annotation = shard.annotation(row)
            except BadSample as error:
                if error.reason != "bad annotation":  # those are problems of the index
                    key = shard.index.key(shard.sample(row))
                    self.findings.add(error.reason, shard.name, key, detail=error.detail)
                continue
            group = legible(annotation.task), legible(annotation.source)
            self.tasks.setdefault(group, AnnotationFacts()).add(annotation)
            samples.setdefault(group, set()).add(shard.sample(row))
        for group, numbers in samples.items():
            self.tasks[group].samples += len(numbers)

    def _add_media(self, shard: Shard) -> None:
        members, file = shard.index.members, OpenFile(shard.path)
        endings = np.array([ending_of(name) for name in shard.index.head.fields] or [""])[members.field]
        is_record = np.array([name == RECORD_FIELD for name in shard.index.head.fields] or [False])[members.field]
        for ending in dict.fromkeys(endings[~is_record].tolist()):
            numbers = np.flatnonzero((endings == ending) & ~is_record)
            facts = self.media.setdefault(legible(ending), MediaFacts(self._kinds.get(ending, "")))
            facts.bytes.extend(members.size[numbers].tolist())
            if self._reader.says(ending):
                chosen = _evenly(numbers, self._headers)
                samples = np.searchsorted(members.first, chosen, "right") - 1
                places = list(zip(members.offset[chosen].tolist(), members.size[chosen].tolist(), strict=True))
                self._add_headers(shard, facts, samples.tolist(), self._read(file, places, ending))

    def _add_headers(
        self,
        shard: Shard,
        facts: MediaFacts,
        samples: Sequence[int],
        headers: Iterator[Mapping[str, float] | BadSample],
    ) -> None:
        for sample, header in zip(samples, headers, strict=True):
            facts.headers += 1
            if isinstance(header, BadSample):
                self.findings.add(header.reason, shard.name, shard.index.key(sample), detail=header.detail)
                continue
            for name in _FACTS:
                if name in header:
                    getattr(facts, name).add(header[name])

    def _read(
        self, file: OpenFile, places: Sequence[tuple[int, int]], ending: str
    ) -> Iterator[Mapping[str, float] | BadSample]:
        def read(place: tuple[int, int]) -> Mapping[str, float] | BadSample:
            try:
                return self._reader.read(file, *place, ending, f"{file.identity}@{place}")
            except BadSample as error:
                return error

        return in_order(read, places, _THREADS, 2 * _THREADS)

    def close(self) -> None:
        """End the processes that read headers."""
        self._reader.close()

    def told(self) -> dict[str, Any]:
        """All of it, in plain values."""
        return {
            "shards": self.shards,
            "samples": self.samples,
            "tasks": [{"task": t, "source": s, **facts.told()} for (t, s), facts in sorted(self.tasks.items())],
            "media": [{"ending": ending, **facts.told()} for ending, facts in sorted(self.media.items())],
            "findings": self.findings.rows(),
        }


def _evenly(numbers: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """So many of them, spread evenly; all where there are no more."""
    if len(numbers) <= count:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, count).astype(np.int64)]
