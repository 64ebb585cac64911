"""Hostile indices beside sound shards: damaged, or lies with every checksum right."""

import json
import os
import struct
import zlib
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from ends import Ends
from headers import tar
from noise import EXTREMES, extreme, noisy, number_bytes
from payloads import Payloads
from records import hostile_value, record
from shards import read_shard

from multigraft.core.data.index import index_path
from multigraft.core.data.indexing import load_index, open_index, stored_index

_PREFIX = struct.Struct("<8sI16s")
_MAGIC = b"mgindex4"


def _parts(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Head and tables of an index."""
    size = _PREFIX.unpack_from(data)[1]
    head, rest = json.loads(data[_PREFIX.size : _PREFIX.size + size]), data[_PREFIX.size + size :]
    return head["head"], {name: rest[at : at + length] for name, (at, length, _) in head["tables"].items()}


def _joined(head: Any, tables: dict[str, bytes], draw: Random) -> bytes:
    """An index with right checksums over whatever it says; where its tables lie may be a lie too."""
    places: dict[str, Any] = {}
    offset = 0
    for name, table in tables.items():
        places[name] = [offset, len(table), zlib.crc32(table)]
        offset += len(table)
    if draw.random() < 0.25:
        places[draw.choice(list(places))][draw.randrange(3)] = draw.choice((extreme(draw), None, "1", 1.5))
    return resealed(json.dumps({"head": head, "tables": places}).encode()) + b"".join(tables.values())


def resealed(text: bytes) -> bytes:
    return _PREFIX.pack(_MAGIC, len(text), blake2b(text, digest_size=16).digest()) + text


def _change_table(draw: Random, tables: dict[str, bytes]) -> None:
    name = draw.choice(list(tables))
    table = bytearray(tables[name])
    width = draw.choice((4, 4, 8, 1))
    kind = draw.randrange(6)
    if kind <= 2 and table:
        at = draw.randrange(len(table)) // width * width
        table[at : at + width] = number_bytes(draw, width, draw.choice((extreme(draw), draw.randrange(9))))
    elif kind == 3:
        table = bytearray(noisy(draw, bytes(table), 1))
    elif kind == 4:
        table += table[: draw.choice((4, 8, 24, 40))]
    elif draw.random() < 0.8:
        tables[name] = draw.choice((b"", b"[]", b"null", b"[" * 5000, b'[{"key": 1}]', bytes(4), b"\xff" * 24))
        return
    else:
        del tables[name]
        return
    tables[name] = bytes(table)


def _change_head(draw: Random, head: dict[str, Any], payloads: Payloads) -> None:
    name = draw.choice(list(head))
    value = head[name]
    if isinstance(value, list) and value and draw.random() < 0.6:
        place = draw.randrange(len(value))
        strange = (hostile_value(draw, payloads), extreme(draw), value[0], {"task": 0, "source": 0, "count": 1})
        value[place] = draw.choice(strange)
    elif draw.random() < 0.9:
        head[name] = draw.choice((hostile_value(draw, payloads), draw.choice(EXTREMES), draw.randrange(5), "x", True))
    else:
        del head[name]


class Indices:
    """Index files that were made by someone else than us."""

    def __init__(self, watched: Path) -> None:
        self._payloads = Payloads(watched)
        members = {}
        for number in range(3):
            members |= {f"k{number}.json": record(Random(number), f"k{number}"), f"k{number}.png": b"x" * (number + 1)}
        self._shard = tar({**members, "bad.png": b"y", "__MACOSX/a.png": b"z"})

    def whole(self, folder: Path) -> None:
        (folder / "x.tar").write_bytes(self._shard)

    def make(self, draw: Random, folder: Path) -> None:
        path = folder / "x.tar"
        path.write_bytes(self._shard)
        load_index(path)
        data = self._hostile(draw, index_path(path).read_bytes())
        index_path(path).write_bytes(data)
        if draw.random() < 0.1:
            os.utime(path, ns=(draw.choice((0, 10**18)), draw.choice((0, 10**18))))

    def _hostile(self, draw: Random, data: bytes) -> bytes:
        if draw.random() < 0.2:
            return noisy(draw, data)
        if draw.random() < 0.03:
            return draw.choice(
                (b"", _MAGIC, b"[" * 9999, _MAGIC + b"\xff" * 99, resealed(b"[" * 9999), resealed(b"{}"))
            )
        head, tables = _parts(data)
        for _ in range(draw.choice((0, 1, 1, 2))):
            _change_head(draw, head, self._payloads)
        for _ in range(draw.choice((0, 1, 1, 3))):
            if tables:
                _change_table(draw, tables)
        joined = _joined(head, tables, draw)
        if draw.random() < 0.1:
            size = _PREFIX.unpack_from(joined)[1]
            text = noisy(draw, joined[_PREFIX.size : _PREFIX.size + size], 1)
            joined = resealed(text) + joined[_PREFIX.size + size :]
        return joined

    def read(self, folder: Path, ends: Ends) -> None:
        path = folder / "x.tar"
        for look in (stored_index, open_index):
            try:
                index = look(path)
            except (OSError, ValueError):  # what both say of an index that cannot be believed
                continue
            ends.of(lambda index=index: (index.keys, index.members, index.annotations, index.problems))
        read_shard(path, ends)
