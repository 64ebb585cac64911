"""The side index of a shard: where each field of each sample lies, and what its annotations are for.

Stored beside the shard as `SHARD.tar.index.json`: columns of numbers and tables of names, nothing that runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = 1
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """Something in a shard that cannot be used; `key` is empty where it concerns the whole shard."""

    key: str
    reason: str
    detail: str


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
        for number in range(self.members.first[sample], self.members.first[sample + 1]):
            if self.fields[self.members.field[number]] == field:
                return number
        return None

    def fields_of(self, sample: int) -> list[str]:
        """Names of the fields of a sample."""
        rows = slice(self.members.first[sample], self.members.first[sample + 1])
        return [self.fields[number] for number in self.members.field[rows]]

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


def index_to_json(index: ShardIndex) -> str:
    """The text of an index file."""
    tables = {name: list(getattr(index, name)) for name in ("keys", "fields", "tasks", "sources", "types")}
    value = {
        "version": VERSION,
        "stamp": list(index.stamp),
        **tables,
        "members": {name: column.tolist() for name, column in vars(index.members).items()},
        "annotations": {name: column.tolist() for name, column in vars(index.annotations).items()},
        "problems": [list(vars(problem).values()) for problem in index.problems],
    }
    return json.dumps(value, separators=(",", ":"))


def index_from_json(text: str) -> ShardIndex:
    """The index that `index_to_json` wrote.

    Raises:
        ValueError: not such a text, or of another version.
    """
    value = json.loads(text)
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise ValueError("not an index of this version")
    try:
        return ShardIndex(
            stamp=(int(value["stamp"][0]), int(value["stamp"][1])),
            **{name: [str(each) for each in value[name]] for name in ("keys", "fields", "tasks", "sources", "types")},
            members=Members(**_columns(value["members"])),
            annotations=Annotations(**_columns(value["annotations"])),
            problems=[Problem(*map(str, problem)) for problem in value["problems"]],
        )
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"damaged index: {error!r}") from None


def _columns(value: dict[str, Any]) -> dict[str, Numbers]:
    return {name: np.array(column, np.int64) for name, column in value.items()}
