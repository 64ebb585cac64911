"""Keeps the records read last, apart by annotation: a record may hold hundreds, and each is asked for alone."""

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock

from multigraft.core.data.records import annotated, parse_json
from multigraft.core.errors import BadSample, legible
from multigraft.core.types.annotation import Annotation, Record, parse_annotation, parse_head

_OVERHEAD = 64
"""Bytes that a text takes beside its characters."""


@dataclass(frozen=True)
class SplitRecord:
    """A record's head, and the JSON of each of its annotations: far smaller than what they decode to."""

    head: Record
    annotations: tuple[str, ...]

    @classmethod
    def of(cls, data: bytes) -> "SplitRecord":
        """Take a `KEY.json` apart.

        Raises:
            BadSample: `bad annotation`, for what is wrong with the record as a whole.
        """
        record = annotated(parse_json(data))
        try:
            texts = tuple(json.dumps(each) for each in record["annotations"])
        except RecursionError as error:
            raise BadSample("bad annotation", legible(f"KEY.json is not JSON: {error}")) from None
        return cls(parse_head(record), texts)

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        return sum(len(text) + _OVERHEAD for text in self.annotations) + _OVERHEAD

    def annotation(self, position: int) -> Annotation:
        """The annotation at a position.

        Raises:
            BadSample: `bad annotation`.
        """
        if position >= len(self.annotations):
            raise BadSample("bad annotation", f"KEY.json has no annotation {position}")
        return parse_annotation(self.head, json.loads(self.annotations[position]), position)


class RecordCache:
    """The records used last, as many as fit; safe to use from several threads.

    Args:
        room: bytes of all records together.
    """

    def __init__(self, room: int) -> None:
        self._room, self._taken = room, 0
        self._records: OrderedDict[Hashable, SplitRecord] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], bytes]) -> SplitRecord:
        """The record with a key; it is read where it is not here.

        Raises:
            BadSample: the record is bad; it is read again the next time.
        """
        with self._lock:
            if key in self._records:
                self._records.move_to_end(key)
                return self._records[key]
        record = SplitRecord.of(read())
        with self._lock:
            if key not in self._records:
                self._records[key] = record
                self._taken += record.size
            while self._taken > self._room:
                self._taken -= self._records.popitem(last=False)[1].size
        return record
