"""The text of an index file: a version, a checksum of what follows, and the index, which must make sense."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from hashlib import blake2b

import numpy as np

from multigraft.core.data.index import Annotations, Members, Numbers, Problem, ShardIndex

VERSION = 2
_TABLES = ("keys", "fields", "tasks", "sources", "types")
_END = "}"


def index_to_json(index: ShardIndex) -> str:
    """The text of an index file."""
    value = {
        "stamp": list(index.stamp),
        **{name: list(getattr(index, name)) for name in _TABLES},
        "members": {name: column.tolist() for name, column in vars(index.members).items()},
        "annotations": {name: column.tolist() for name, column in vars(index.annotations).items()},
        "problems": [vars(problem) for problem in index.problems],
    }
    body = json.dumps(value, separators=(",", ":"))
    return _head(body) + body + _END


def index_from_json(text: str) -> ShardIndex:
    """The index that `index_to_json` wrote.

    Raises:
        ValueError: not such a text, of another version, altered, or one that makes no sense.
    """
    body = text[len(_head("")) : -len(_END)]
    if text != _head(body) + body + _END:
        raise ValueError("not an index of this version, or one that was altered")
    try:
        value = json.loads(body)
        index = ShardIndex(
            stamp=(int(value["stamp"][0]), int(value["stamp"][1])),
            **{name: [str(each) for each in value[name]] for name in _TABLES},
            members=Members(**_columns(value["members"])),
            annotations=Annotations(**_columns(value["annotations"])),
            problems=[Problem(**problem) for problem in value["problems"]],
        )
        faults = list(_faults(index))
    except Exception as error:
        raise ValueError(f"damaged index: {error!r}") from None
    if faults:
        raise ValueError(f"an index that makes no sense: {', '.join(faults)}")
    return index


def _head(body: str) -> str:
    """What stands before the index; it has one length for every body."""
    checksum = blake2b(body.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f'{{"version":{VERSION},"checksum":"{checksum}","index":'


def _columns(value: Mapping[str, Sequence[int]]) -> dict[str, Numbers]:
    return {name: _column(numbers) for name, numbers in value.items()}


def _column(numbers: Sequence[int]) -> Numbers:
    if not set(map(type, numbers)) <= {int}:
        raise TypeError("a column of what is no whole number")
    return np.array(numbers, np.int64)


def _faults(index: ShardIndex) -> Iterator[str]:
    """What cannot be, whatever the shard holds."""
    members, annotations = index.members, index.annotations
    for table in (members, annotations):
        lengths = {len(getattr(table, each.name)) for each in fields(table) if each.name != "first"}
        if len(lengths) != 1:
            yield "columns of different length"
            return
    files, first = len(members.field), members.first
    if len(first) != len(index.keys) + 1 or first[0] != 0 or first[-1] != files or (np.diff(first) < 1).any():
        yield "samples without files"
    if (members.offset < 0).any() or (members.size < 0).any() or (members.offset > index.stamp[0] - members.size).any():
        yield "files beyond the end of the shard"
    tables = (
        (members.field, len(index.fields)),
        (members.crc, 1 << 32),
        (annotations.sample, len(index.keys)),
        (annotations.position, 1 << 31),
        (annotations.task, len(index.tasks)),
        (annotations.source, len(index.sources)),
        (annotations.type, len(index.types)),
    )
    if any(len(column) and (column.min() < 0 or column.max() >= size) for column, size in tables):
        yield "numbers beyond their table"
    if any(len(set(getattr(index, name))) != len(getattr(index, name)) for name in _TABLES):
        yield "a name twice"
    if any(type(problem.count) is not int or problem.count < 1 for problem in index.problems):
        yield "a problem without a count"
