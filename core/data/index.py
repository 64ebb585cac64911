"""The side index of a shard: where each field of each sample lies, and what its annotations are for.

Stored beside the shard as `SHARD.tar.index.json`: columns of numbers and tables of names, nothing that runs.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
_FEATURE_FIELD = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8}\.safetensors|features\.safetensors|bad\.json")
"""What a shard of stored features has for each key; the last two are those of version 0.1."""


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
    offset: Numbers
    size: Numbers
    crc: Numbers


@dataclass(frozen=True)
class Annotations:
    """One row an annotation, in the shard's order; indices into tables of names, and where to read the rest."""

    sample: Numbers
    position: Numbers
    """Place in the record's list."""
    task: Numbers
    source: Numbers
    type: Numbers


@dataclass(frozen=True)
class ShardIndex:
    """What is in a shard."""

    stamp: tuple[int, int]
    """Bytes and modification time in nanoseconds of the shard it was made from."""
    keys: Sequence[str]
    fields: Sequence[str]
    tasks: Sequence[str]
    sources: Sequence[str]
    types: Sequence[str]
    members: Members
    annotations: Annotations
    problems: Sequence[Problem]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """Number of each key."""
        return {key: number for number, key in enumerate(self.keys)}

    def member(self, sample: int, field: str) -> int | None:
        """Number of the file that holds a field of a sample."""
        wanted = self._field_numbers.get(field.lower(), -1)
        first, last = self.members.first[sample : sample + 2]
        found = np.flatnonzero(self.members.field[first:last] == wanted)
        return int(first + found[0]) if len(found) else None

    @cached_property
    def _field_numbers(self) -> Mapping[str, int]:
        return {field: number for number, field in enumerate(self.fields)}

    def fields_of(self, sample: int) -> list[str]:
        """Names of the fields of a sample."""
        rows = slice(self.members.first[sample], self.members.first[sample + 1])
        return [self.fields[number] for number in self.members.field[rows]]

    @property
    def holds_features(self) -> bool:
        """Whether it is a shard of stored features: no sample has anything else."""
        return len(self.keys) > 0 and is_of_features(self.fields[number] for number in np.unique(self.members.field))

    @cached_property
    def content(self) -> str:
        """Short hash of keys, fields, sizes and checksums: the same wherever the shard lies."""
        digest = blake2b(digest_size=8)
        digest.update(json.dumps([list(self.keys), list(self.fields)]).encode())
        for column in (self.members.first, self.members.field, self.members.size, self.members.crc):
            digest.update(np.ascontiguousarray(column, "<i8").tobytes())
        return digest.hexdigest()


def index_path(shard: Path) -> Path:
    """Where the index of a shard lies."""
    return shard.with_name(f"{shard.name}.index.json")
