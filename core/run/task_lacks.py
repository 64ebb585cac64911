"""Counts what the annotations of a source lack for their task, while they are packed."""

from collections import Counter
from collections.abc import Iterator

from multigraft.core.errors import BadSample
from multigraft.core.interfaces.source import Dropped, Source
from multigraft.core.interfaces.task import Task
from multigraft.core.types.annotation import Annotation

_MEDIA = "media"
_FOR_SCORES = "can neither be trained nor scored on them, only asked"
_USES = {_MEDIA: "is about media", "text": "has nothing to ask about them"}


class LookedAt(Source):
    """A source whose annotations are looked at on their way: a test set may lack answers, and no other should.

    Args:
        task: makes examples of them.
        kind: its name.
    """

    def __init__(self, source: Source, task: Task, kind: str) -> None:
        self._source, self._task, self._kind = source, task, kind
        self.files, self.media, self.embedded = source.files, source.media, source.embedded
        self.seen = 0
        self.lacking: Counter[str] = Counter()

    def annotations(self) -> Iterator[Annotation | Dropped]:
        """Those of the source; the counts are of the last time."""
        self.seen, self.lacking = 0, Counter()
        for each in self._source.annotations():
            if isinstance(each, Annotation):
                self.seen += 1
                self.lacking.update(self._lacks(each))
            yield each

    def told(self) -> list[str]:
        """A line for each thing that some lack, the most frequent first."""
        return [
            f"{count:,} of {self.seen:,} rows have no {what}, and {self._kind!r} {_USES.get(what, _FOR_SCORES)}"
            for what, count in self.lacking.most_common()
        ]

    def _lacks(self, annotation: Annotation) -> Iterator[str]:
        try:
            if not self._task.example(annotation, None).target.strip():
                yield "answer that scores"
        except BadSample as error:
            yield error.detail.partition(" of annotation")[0] if error.reason == "missing field" else str(error)
        if self._task.reads_media and not annotation.media:
            yield _MEDIA
