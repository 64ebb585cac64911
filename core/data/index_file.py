"""The form of an index file: magic, length and checksum of the head, the head in JSON, then the tables.

All numbers are little-endian. Tables are arrays of fixed rows (`index_tables.py`), the keys as one text with their
ends, and the problems in JSON; the head says where each lies, with its crc32.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from struct import Struct
from typing import Any

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError
from zlib_ng.zlib_ng import crc32

from multigraft.core.data.index import ANNOTATION, FILE, NUMBER, Extent, Head, Problem

MAGIC = b"mgindex4"
_PREFIX = Struct("<8sI16s")
_FIRST_READ = 4096
_LARGEST_HEAD = 64 << 20
_LARGEST_INDEX, _INDEX_SHARE = 1 << 20, 8
"""Bytes of an index, and for each byte of its shard."""
_LARGEST_SHARD = (1 << 63) - 1
"""Bytes: what a system can count."""
_NAMES = ("fields", "tasks", "sources", "types")


@dataclass(frozen=True)
class _Written:
    """The head as it stands in the file."""

    head: Head
    tables: dict[str, Extent]
    """Where each lies, counted from the end of the head."""


_WRITTEN = TypeAdapter(_Written)
_PROBLEMS = TypeAdapter(list[Problem], config=ConfigDict(extra="forbid", strict=True))


def most_index_bytes(shard_bytes: int) -> int:
    """Bytes that the index of a shard of so many has, at most; no honest one is near."""
    return _LARGEST_INDEX + _INDEX_SHARE * shard_bytes


def index_bytes(head: Head, tables: Mapping[str, bytes]) -> bytes:
    """The bytes of an index file.

    Raises:
        ValueError: there are more names than an index holds.
    """
    places, offset = {}, 0
    for name, data in tables.items():
        places[name] = Extent(offset, len(data), crc32(data))
        offset += len(data)
    return _joined(_Written(head, places), b"".join(tables.values()))


def with_identity(data: bytes, identity: tuple[int, int]) -> bytes:
    """The bytes of an index file of a copy of its shard."""
    _, size, _ = _PREFIX.unpack_from(data)
    end = _PREFIX.size + size
    written = _WRITTEN.validate_json(data[_PREFIX.size : end], strict=True)
    return _joined(replace(written, head=replace(written.head, identity=identity)), data[end:])


def _joined(written: "_Written", tables: bytes) -> bytes:
    text = _WRITTEN.dump_json(written)
    if len(text) > _LARGEST_HEAD:
        raise ValueError(f"names of fields, tasks, sources and types take {len(text)} bytes, more than {_LARGEST_HEAD}")
    return _PREFIX.pack(MAGIC, len(text), _checksum(text)) + text + tables


def tables_of(
    keys: Sequence[str],
    first: np.ndarray[Any, Any],
    files: np.ndarray[Any, Any],
    annotations: np.ndarray[Any, Any],
    order: np.ndarray[Any, Any],
    problems: Sequence[Problem],
) -> dict[str, bytes]:
    """The tables, in their order in the file."""
    encoded = [key.encode() for key in keys]
    return {
        "first": first.astype(NUMBER).tobytes(),
        "files": files.astype(FILE).tobytes(),
        "annotations": annotations.astype(ANNOTATION).tobytes(),
        "order": order.astype(NUMBER).tobytes(),
        "key_ends": np.cumsum([len(key) for key in encoded]).astype(NUMBER).tobytes(),
        "key_text": b"".join(encoded),
        "problems": json.dumps([vars(problem) for problem in problems]).encode() if problems else b"",
    }


def head_of(read: Callable[[int, int], bytes]) -> tuple[Head, dict[str, Extent]]:
    """The head of an index file, and where its tables lie.

    Args:
        read: the bytes of the file from an offset on, so many, fewer where it ends.

    Raises:
        ValueError: not an index of this version, or one that was altered.
    """
    start = read(0, _FIRST_READ)
    if len(start) < _PREFIX.size:
        raise ValueError("cut")
    magic, size, checksum = _PREFIX.unpack_from(start)
    if magic != MAGIC or size > _LARGEST_HEAD:
        raise ValueError("not an index of this version")
    end = _PREFIX.size + size
    text = start[_PREFIX.size : end] if end <= len(start) else read(_PREFIX.size, size)
    if _checksum(text) != checksum:
        raise ValueError("an index that was altered")
    try:
        written = _WRITTEN.validate_json(text, strict=True)
    except ValidationError as error:
        raise ValueError(f"damaged index: {error}") from None
    extents = {name: each._replace(offset=end + each.offset) for name, each in written.tables.items()}
    if fault := next(_faults(written.head, extents), ""):
        raise ValueError(f"an index that makes no sense: {fault}")
    return written.head, extents


def _checksum(head: bytes) -> bytes:
    return blake2b(head, digest_size=16).digest()


def _faults(head: Head, extents: Mapping[str, Extent]) -> Iterator[str]:
    """What in a head cannot be, whatever the shard holds."""
    numbers = (head.samples, head.problems, *(n for extent in extents.values() for n in extent))
    if not all(type(number) is int and number >= 0 for number in numbers):
        yield "a count that is no whole number"
    if not 0 <= head.stamp[0] <= _LARGEST_SHARD:
        yield "a shard of no size that files have"
    if sum(extent.size for extent in extents.values()) > most_index_bytes(head.stamp[0]):
        yield "more bytes than an index has"
    if set(extents) != {"first", "files", "annotations", "order", "key_ends", "key_text", "problems"}:
        yield "other tables"
    if any(len(set(getattr(head, name))) != len(getattr(head, name)) for name in _NAMES):
        yield "a name twice"
    for group in head.groups:
        if not (0 <= group.task < len(head.tasks) and 0 <= group.source < len(head.sources) and group.count > 0):
            yield "a group of nothing"
    if sum(group.count for group in head.groups) * ANNOTATION.itemsize != extents["annotations"].size:
        yield "groups of other annotations"
    if extents["order"].size * ANNOTATION.itemsize != extents["annotations"].size * NUMBER.itemsize:
        yield "an order of other annotations"
    if extents["first"].size != (head.samples + 1) * NUMBER.itemsize or (
        extents["key_ends"].size != head.samples * NUMBER.itemsize
    ):
        yield "samples without files or keys"
    if extents["files"].size % FILE.itemsize:
        yield "half a row"


def table_fault(name: str, data: bytes, head: Head, extents: Mapping[str, Extent]) -> str:
    """What in a table cannot be; empty where all may."""
    if name in ("first", "key_ends", "order"):
        numbers = np.frombuffer(data, NUMBER).astype(np.int64)
        if name == "order":
            return "" if (numbers < extents["annotations"].size // ANNOTATION.itemsize).all() else "rows beyond all"
        steps = np.diff(numbers, prepend=0 if name == "key_ends" else numbers[:1] - 1)
        last = extents["key_text"].size if name == "key_ends" else extents["files"].size // FILE.itemsize
        right_ends = not len(numbers) or (numbers[-1] == last and (name == "key_ends" or numbers[0] == 0))
        return "" if (steps >= 1).all() and right_ends else "samples without files or keys"
    if name == "files":
        return _file_fault(np.frombuffer(data, FILE), head)
    if name == "annotations":
        return _annotation_fault(np.frombuffer(data, ANNOTATION), head)
    return _problem_fault(data, head) if name == "problems" else ""


def _problem_fault(data: bytes, head: Head) -> str:
    try:
        count = len(_PROBLEMS.validate_json(data)) if data else 0
    except ValidationError:
        return "problems that are none"
    return "" if count == head.problems else "problems of another number"


def _file_fault(files: np.ndarray[Any, Any], head: Head) -> str:
    if _ends_beyond(files["offset"], files["size"], head.stamp[0]):
        return "files beyond the end of the shard"
    return "" if (files["field"] < len(head.fields)).all() else "a field without a name"


def _annotation_fault(annotations: np.ndarray[Any, Any], head: Head) -> str:
    limits = {"sample": head.samples, "task": len(head.tasks), "source": len(head.sources), "type": len(head.types)}
    if not all((annotations[name] < limit).all() for name, limit in limits.items()):
        return "numbers beyond their table"
    beyond = _ends_beyond(annotations["start"], annotations["size"], head.stamp[0])
    return "annotations beyond the end of the shard" if beyond else ""


def _ends_beyond(starts: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any], total: int) -> bool:
    """Whether a stretch ends behind `total`; its numbers may have all 64 bits."""
    if (starts > total).any() or (sizes > total).any():
        return True
    return bool((starts.astype(np.int64) > total - sizes.astype(np.int64)).any())
