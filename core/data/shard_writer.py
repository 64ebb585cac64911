"""Writes samples to numbered webdataset shards, with an index beside each and a manifest for the folder."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from webdataset.writer import TarWriter

from multigraft.core.atomic import written_whole
from multigraft.core.data.indexing import store_index
from multigraft.core.data.manifest import MANIFEST
from multigraft.core.data.records import RECORD_FIELD
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Record

SCHEMA_VERSION = 1
LONGEST_NAME = 100
"""Bytes of a file's name in a shard."""
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


def check_prefix(prefix: str) -> None:
    """Whether the names of shards may begin so.

    Raises:
        MultigraftError: they may not.
    """
    if not _PREFIX.fullmatch(prefix):
        raise MultigraftError(f"prefix {prefix!r}: use up to 60 letters, digits, hyphens and underscores")


def fault_of_sample(key: str, media: Iterable[str]) -> str:
    """Why a sample of a key and fields can be in no shard that is written here, in words; empty where it can."""
    if not key or any(character in key for character in "./\\\0") or key.startswith("__"):
        return "a key has no dot, no slash and does not start with `__`"
    if not key.isprintable() or not all(map(str.isprintable, media)):
        return "a key and a field have no unprintable characters"
    for field in media:
        if field == RECORD_FIELD or not field or field != field.lower() or "/" in field or field[0] in "._":
            return f"field {field!r} is no lower-case extension such as `jpg` or `0.png`"
        if len(f"{key}.{field}".encode()) > LONGEST_NAME:
            return f"the name with field {field!r} has more than {LONGEST_NAME} bytes"
    return ""


@dataclass(frozen=True)
class ShardFacts:
    """What the manifest says about a shard."""

    samples: int
    annotations: int
    bytes: int
    sha256: str


class ShardFile:
    """One shard under a temporary name until `close`. Equal samples give equal bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = written_whole(path)
        self._temporary = self._whole.__enter__()
        self._stream = self._temporary.open("wb")
        self._tar = TarWriter(self._stream, user="multigraft", group="multigraft", mtime=0, encoder=False)
        self.samples = 0
        self._keys: set[str] = set()

    def add(self, key: str, record: Record | bytes | None, media: Mapping[str, bytes]) -> None:
        """Append a sample: `KEY.json`, if there is a record, then its media. A record in bytes is kept as it is.

        Raises:
            MultigraftError: a key with a dot or slash, an empty, long or repeated one; a field that is no extension.
        """
        self._check(key, media)
        if record is not None:
            text = record if isinstance(record, bytes) else record.model_dump_json(exclude_defaults=True).encode()
            self._tar.write({"__key__": key, RECORD_FIELD: text})
        if media:
            self._tar.write({"__key__": key, **media})
        self.samples += 1
        self._keys.add(key)

    def _check(self, key: str, media: Mapping[str, bytes]) -> None:
        place = f"{self.path}: sample {key!r}"
        if fault := fault_of_sample(key, media):
            raise MultigraftError(f"{place}: {fault}")
        if key in self._keys:
            raise MultigraftError(f"{place}: the key was written before; keys of a shard differ")

    def close(self, error: BaseException | None = None) -> None:
        """Finish the shard and write its index; with an error, leave nothing behind."""
        self._tar.close()
        self._stream.close()
        if error is not None:
            self._whole.__exit__(type(error), error, error.__traceback__)
            return
        self._whole.__exit__(None, None, None)
        self.index = store_index(self.path)

    def facts(self) -> ShardFacts:
        """Counts and hash of the finished shard."""
        with self.path.open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return ShardFacts(
            self.samples, sum(group.count for group in self.index.head.groups), self.index.stamp[0], digest.hexdigest()
        )


class ShardWriter:
    """Writes `PREFIX-000000.tar`, `PREFIX-000001.tar`, ... to a folder. Use it as a context manager.

    Args:
        finished: shards of an earlier writer, by name, behind which this one goes on.
        on_shard: called with the name and the facts of each shard when it is finished.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        samples_per_shard: int = 500,
        finished: Mapping[str, ShardFacts] = MappingProxyType({}),
        on_shard: Callable[[str, ShardFacts], None] | None = None,
    ) -> None:
        self._folder, self._prefix, self._samples_per_shard = folder, prefix, samples_per_shard
        self._shard: ShardFile | None = None
        self._facts, self._on_shard = dict(finished), on_shard
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, key: str, record: Record | bytes | None, media: Mapping[str, bytes]) -> None:
        """Append a sample; `media` maps fields such as `jpg` or `0.png` to their bytes. A record in bytes is kept as it
        is."""
        if self._shard is None:
            self._shard = ShardFile(self._folder / f"{self._prefix}-{len(self._facts):06d}.tar")
        self._shard.add(key, record, media)
        if self._shard.samples == self._samples_per_shard:
            self._finish()

    def _finish(self) -> None:
        if self._shard is not None:
            self._shard.close()
            name, facts = self._shard.path.name, self._shard.facts()
            self._facts[name], self._shard = facts, None
            if self._on_shard is not None:
                self._on_shard(name, facts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
            update_manifest(self._folder, self._facts)
        elif self._shard is not None:
            self._shard.close(error)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder, with no shards in it if there is none.

    Raises:
        MultigraftError: a manifest of another schema, or a damaged one.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {"schema": SCHEMA_VERSION, "shards": {}}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        known = manifest["schema"] == SCHEMA_VERSION and isinstance(manifest["shards"], dict)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise MultigraftError(f"{path}: not a manifest of schema {SCHEMA_VERSION}; move it away and pack again")
    return manifest  # type: ignore[no-any-return]


def update_manifest(folder: Path, facts: Mapping[str, ShardFacts]) -> None:
    """Add or replace shards in the folder's manifest."""
    manifest = read_manifest(folder)
    manifest["shards"].update({name: asdict(shard) for name, shard in facts.items()})
    manifest["shards"] = dict(sorted(manifest["shards"].items()))
    _write_manifest(folder, manifest)


def add_packed(folder: Path, prefix: str, entry: Mapping[str, Any]) -> None:
    """Say in the folder's manifest what the shards of a prefix were packed from, in place of what it said of them.

    Args:
        entry: their names as `shards`, and what the packer says of them.
    """
    manifest = read_manifest(folder)
    packed = manifest.setdefault("packed", {})
    for name in packed.get(prefix, {}).get("shards", ()):
        if name not in entry["shards"]:
            manifest["shards"].pop(name, None)
    manifest["packed"] = dict(sorted({**packed, prefix: dict(entry)}.items()))
    _write_manifest(folder, manifest)


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    with written_whole(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
