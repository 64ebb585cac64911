"""The side index of a shard: where each field of each sample lies, and what its annotations are for.

Stored beside the shard as `SHARD.tar.index`, in a binary form (`index_file.py`): a head, which is read when the shard
is opened, and tables, which are read when something in them is asked for.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

FILE = np.dtype([("field", "<u4"), ("crc", "<u4"), ("offset", "<u8"), ("size", "<u8")])
ANNOTATION = np.dtype([
    ("sample", "<u4"), ("position", "<u4"), ("task", "<u4"), ("source", "<u4"), ("type", "<u4"),
    ("size", "<u4"), ("crc", "<u4"), ("length", "<u4"), ("start", "<u8"),
])  # fmt: skip
NUMBER = np.dtype("<u4")
Numbers = NDArray[np.int64]
_FEATURE_FIELD = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}\.safetensors|features\.safetensors|bad\.json")
"""What a shard of stored features has for each key; the last two are those of version 0.1."""


_MANY = 16
"""Files of a sample of which a field is looked for in the whole table."""


def is_of_features(fields: Iterable[str]) -> bool:
    """Whether fields are those of stored features, and no others."""
    return all(map(_FEATURE_FIELD.fullmatch, fields))


@dataclass(frozen=True)
class Problem:
    """Something in a shard that cannot be used; `key` is empty where it concerns the whole shard."""

    key: str
    reason: str
    detail: str
    annotation: str = ""
    """Its id, where the problem is one annotation's."""
    count: int = 1
    """How many files, records or annotations it stands for; without a key, those that are not listed one by one."""


@dataclass(frozen=True)
class Members:
    """The files of a shard, in its order; those of a sample are adjacent."""

    first: Numbers
    """`(samples + 1,)`: the files of sample i are `first[i]` to `first[i + 1]`."""
    field: Numbers
    """`(files,)`, index into the table of field names."""
    crc: Numbers
    offset: Numbers
    size: Numbers


@dataclass(frozen=True)
class Annotations:
    """One row an annotation, in the shard's order; indices into tables of names, and where its text lies."""

    sample: Numbers
    position: Numbers
    """Place in the record's list."""
    task: Numbers
    source: Numbers
    type: Numbers
    size: Numbers
    """Bytes of its JSON."""
    crc: Numbers
    """crc32 of its JSON."""
    length: Numbers
    """Characters that a model reads or writes: of the text, context and choices, and of the longest answer."""
    start: Numbers
    """Where in the shard its JSON begins."""


@dataclass(frozen=True)
class Group:
    """How many annotations name a task and a source; groups are in the order of these."""

    task: int
    source: int
    count: int


@dataclass(frozen=True)
class Head:
    """What of an index is read when its shard is opened."""

    stamp: tuple[int, int]
    """Bytes and modification time in nanoseconds of the shard it was made from."""
    identity: tuple[int, int]
    """Number of the shard's file and time of its last change, by which the system tells it from any other."""
    content: str
    """Short hash of keys, fields, sizes and checksums: the same wherever the shard lies."""
    samples: int
    fields: tuple[str, ...]
    tasks: tuple[str, ...]
    sources: tuple[str, ...]
    types: tuple[str, ...]
    groups: tuple[Group, ...]
    problems: int
    holds_features: bool
    """Whether no sample has anything but stored features."""


class FilePlace(NamedTuple):
    """Where a file lies in its shard."""

    field: int
    crc: int
    offset: int
    size: int


class AnnotationPlace(NamedTuple):
    """A row of the annotations: of which sample, numbers of names, and where its text lies in the shard."""

    sample: int
    position: int
    task: int
    source: int
    type: int
    size: int
    crc: int
    length: int
    start: int


class Extent(NamedTuple):
    """Where a table lies in the index file."""

    offset: int
    size: int
    crc: int


class Tables(Protocol):
    """The tables of an index."""

    def whole(self, name: str) -> bytes:
        """All of a table.

        Raises:
            MultigraftError: it is damaged, and cannot be made anew.
        """
        ...

    def derived(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What is made of other tables, kept like one of them."""
        ...

    def json(self, name: str) -> Any:
        """A table that is JSON."""
        ...

    def text(self, name: str, start: int, end: int) -> str:
        """A stretch of a table that is text."""
        ...

    def rows(self, name: str, first: int, last: int, kind: np.dtype[np.void]) -> np.ndarray[Any, Any]:
        """Some rows of a table."""
        ...

    def number(self, name: str, row: int) -> int:
        """One row of a table of numbers."""
        ...

    def file(self, row: int) -> FilePlace:
        """One row of the table of files."""
        ...

    def annotation(self, row: int) -> AnnotationPlace:
        """One row of the table of annotations."""
        ...

    def files_of(self, sample: int) -> range:
        """Which rows of the table of files are a sample's."""
        ...


class ShardIndex:
    """What is in a shard.

    Args:
        head: what is known without a look at the tables.
        tables: the rest, read when asked for.
    """

    def __init__(self, head: Head, tables: Tables) -> None:
        self.head, self._tables = head, tables
        self._field_numbers = {field: number for number, field in enumerate(head.fields)}

    @property
    def stamp(self) -> tuple[int, int]:
        """As of the head."""
        return self.head.stamp

    @property
    def content(self) -> str:
        """As of the head."""
        return self.head.content

    @cached_property
    def keys(self) -> Sequence[str]:
        """Key of each sample."""
        ends = np.frombuffer(self._tables.whole("key_ends"), NUMBER).tolist()
        text = self._tables.whole("key_text")
        spans = zip([0, *ends], ends, strict=False)
        return [text[start:end].decode("utf-8", "backslashreplace") for start, end in spans]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Number of each key."""
        return {key: number for number, key in enumerate(self.keys)}

    @property
    def members(self) -> Members:
        """All files."""
        first = np.frombuffer(self._tables.whole("first"), NUMBER).astype(np.int64)
        return Members(first, **_columns(self._tables.whole("files"), FILE))

    @property
    def annotations(self) -> Annotations:
        """All annotations."""
        return Annotations(**_columns(self._tables.whole("annotations"), ANNOTATION))

    @cached_property
    def problems(self) -> Sequence[Problem]:
        """What in the shard cannot be used."""
        return [Problem(**each) for each in self._tables.json("problems")] if self.head.problems else []

    def key(self, sample: int) -> str:
        """The key of one sample."""
        start = self._tables.number("key_ends", sample - 1) if sample else 0
        return self._tables.text("key_text", start, self._tables.number("key_ends", sample))

    def annotation(self, row: int) -> AnnotationPlace:
        """One row of `annotations`."""
        return self._tables.annotation(row)

    def file(self, sample: int, field: str) -> FilePlace | None:
        """Where a field of a sample lies; case makes no difference."""
        wanted = self._field_numbers.get(field.lower(), -1)
        files = self._tables.files_of(sample)
        for number in files if len(files) <= _MANY else files.start + self._found(files, wanted):
            found = self._tables.file(number)
            if found.field == wanted:
                return found
        return None

    def _found(self, files: range, field: int) -> Numbers:
        """Which of a sample's files are of a field."""
        rows = self._tables.rows("files", files.start, files.stop, FILE)
        return np.flatnonzero(rows["field"] == field)

    def fields_of(self, sample: int) -> list[str]:
        """Names of the fields of a sample."""
        return [self.head.fields[self._tables.file(number).field] for number in self._tables.files_of(sample)]

    def groups(self, tasks: Container[str], sources: Container[str] | None = None) -> list[tuple[int, int]]:
        """Where the annotations of some tasks, and of some sources, stand in the order by task and source: first and
        count of each group."""
        head, found, first = self.head, [], 0
        for group in head.groups:
            if head.tasks[group.task] in tasks and (sources is None or head.sources[group.source] in sources):
                found.append((first, group.count))
            first += group.count
        return found

    def rows(self, groups: Sequence[tuple[int, int]]) -> NDArray[np.int32]:
        """The rows of some groups, in the shard's order."""
        order = np.frombuffer(self._tables.whole("order"), NUMBER).astype(np.int32)
        return np.sort(np.concatenate([order[:0], *(order[first : first + count] for first, count in groups)]))

    def row(self, groups: Sequence[tuple[int, int]], number: int) -> int:
        """`rows(groups)[number]`, without the others where it can be."""
        if len(groups) == 1:
            return self._tables.number("order", groups[0][0] + number)
        table = self._tables.derived(f"rows {groups}", lambda: self.rows(groups).astype(NUMBER).tobytes())
        return int.from_bytes(table[4 * number : 4 * number + 4], "little")


def _columns(data: bytes, kind: np.dtype[np.void]) -> dict[str, Numbers]:
    table = np.frombuffer(data, kind)
    return {name: table[name].astype(np.int64) for name in kind.names or ()}


def index_path(shard: Path) -> Path:
    """Where the index of a shard lies."""
    return shard.with_name(f"{shard.name}.index")
