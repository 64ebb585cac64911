"""Packs the annotations of a source, with their media, into shards; goes on where it was stopped."""

import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

from multigraft.core.atomic import written_whole
from multigraft.core.data.media_store import MediaStore
from multigraft.core.data.packing.compacting import Compacting
from multigraft.core.data.packing.dropped import DroppedLog
from multigraft.core.data.packing.gathering import Gathered
from multigraft.core.data.packing.progress import Done, ProgressFile
from multigraft.core.data.packing.sample import PackedSample, packed_sample
from multigraft.core.data.prefetch import in_order
from multigraft.core.data.shard_writer import ShardFacts, ShardWriter, add_packed, check_prefix, read_manifest
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.interfaces.source import Dropped, Source
from multigraft.core.locking import only_writer

_THREADS, _AHEAD = 4, 8
_HINT = "wait until it is done, or give another folder"


@dataclass(frozen=True)
class Packing:
    """What is packed, and how."""

    source: Source
    media: tuple[Path, ...]
    """Folders and tars where media are looked up."""
    endings: Collection[str]
    """Of media that some input reads."""
    options: Mapping[str, Any]
    """Of the source, as plain values; they are kept in the manifest."""
    prefix: str = "train"
    samples_per_shard: int = 500
    bad_limit: float = 0.01
    """Share of all rows that may be dropped."""
    compacting: Compacting | None = None
    """Which media are written anew; none if left out."""


def pack(packing: Packing, folder: Path, report: Callable[[int, int], None]) -> dict[str, Any]:
    """Write `PREFIX-000000.tar`, ...; what the folder's manifest now says of them.

    What an earlier call with the same arguments has finished is kept; the result is the same to the byte as that of one
    call. Rows that cannot be used are listed in `PREFIX-dropped.jsonl`.

    Args:
        report: called with how many groups of annotations are packed, and how many there are; with 0 and the rows read,
            while these are counted.

    Raises:
        TooManyDropped: more rows cannot be used than `bad_limit` allows.
        MultigraftError: the folder holds something else under this prefix, or a file cannot be read or written.
    """
    check_prefix(packing.prefix)
    listed = folder / f"{packing.prefix}-dropped.jsonl"
    with only_writer(folder, _HINT):
        with written_whole(listed) as temporary:
            log = DroppedLog(temporary, listed, packing.bad_limit)
            try:
                facts = _Packer(packing, folder, log, report).run()
            finally:
                log.close()
        if not log.counts:
            listed.unlink()
    return facts


class _Packer:
    """One packing into one folder, which is held by its caller."""

    def __init__(self, packing: Packing, folder: Path, log: DroppedLog, report: Callable[[int, int], None]) -> None:
        self._packing, self._folder, self._log, self._report = packing, folder, log, report
        self._store = MediaStore.of(packing.media, packing.source.embedded)
        self._done = Done()
        self._new: list[Dropped] = []
        """Dropped since the last shard was finished."""

    def run(self) -> dict[str, Any]:
        source = self._packing.source
        files = [_facts_of(path) for path in source.files]
        gathered = Gathered(
            source, self._store, self._packing.endings, self._log.add, self._folder, lambda rows: self._report(0, rows)
        )
        try:
            if not len(gathered.groups):
                self._log.check(gathered.rows)
                self._log.refuse_all(gathered.rows)
            begun = self._begun(files, gathered)
            packed = read_manifest(self._folder).get("packed", {}).get(self._packing.prefix, {"shards": {}})
            there = [name for name in packed["shards"] if (self._folder / name).is_file()]
            if there:
                self._require_same(packed["of"], begun)
            done = packed["shards"] and len(there) == len(packed["shards"])
            if done:
                self._log.restore(packed["counts"]["dropped"])
            self._log.check(gathered.rows)
            if done:
                return dict(packed)
            return self._write(gathered, begun, not there)
        finally:
            gathered.groups.close()

    def _begun(self, files: Sequence[dict[str, Any]], gathered: Gathered) -> dict[str, Any]:
        """What decides the shards' bytes."""
        return {
            "options": dict(self._packing.options),
            "files": list(files),
            "media": [str(path) for path in self._packing.media],
            "samples_per_shard": self._packing.samples_per_shard,
            "reencode": self._packing.compacting.shorter if self._packing.compacting else None,
            "rows": gathered.rows,
            "digest": gathered.digest,
        }

    def _require_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Refuse to mix two packings under one prefix.

        Raises:
            MultigraftError: they differ, and in what.
        """
        differing = [name for name in now if before.get(name) != now[name]]
        if differing:
            what = ", ".join("what can be used of them" if name == "digest" else name for name in differing)
            raise MultigraftError(
                f"{self._folder} holds shards {self._packing.prefix}-*.tar that were packed with other {what}; "
                f"delete {self._packing.prefix}-* and .{self._packing.prefix}.packing there, or give another --prefix"
            )

    def _write(self, gathered: Gathered, begun: Mapping[str, Any], new: bool) -> dict[str, Any]:
        prefix = self._packing.prefix
        progress = ProgressFile(self._folder / f".{prefix}.packing", begun)
        before, lost = progress.restore(), progress.exists
        if before is not None:
            self._require_same(before, begun)
        elif new and not lost and (strange := self._shards_but(())):
            raise MultigraftError(f"{strange[0]} is there and was not packed by this; give another --prefix or folder")
        else:
            if lost:
                print(f"{progress.path} cannot be read: the packing begins anew", file=sys.stderr, flush=True)
            progress.begin()
        self._done = replace(progress.done)
        for each in progress.dropped:
            self._log.add(each)
        self._pack_groups(gathered, progress)
        if strange := self._shards_but(progress.shards):
            raise MultigraftError(f"{strange[0]} is there and is none of this packing; delete it and pack again")
        entry = {"made_by": "multigraft data pack", "of": dict(begun), "counts": self._counts(gathered),
                 "shards": list(progress.shards)}  # fmt: skip
        add_packed(self._folder, prefix, entry)
        progress.remove()
        return entry

    def _shards_but(self, known: Collection[str]) -> list[Path]:
        """Shards of this prefix in the folder, without those that are known."""
        name = re.compile(rf"{self._packing.prefix}-[0-9]{{6,}}\.tar")
        return [path for path in sorted(self._folder.iterdir()) if name.fullmatch(path.name) and path.name not in known]

    def _pack_groups(self, gathered: Gathered, progress: ProgressFile) -> None:
        def on_shard(name: str, facts: ShardFacts) -> None:
            progress.add(self._folder / name, facts, self._done, self._new)
            self._new.clear()

        total, prefix = len(gathered.groups), self._packing.prefix
        with ShardWriter(self._folder, prefix, self._packing.samples_per_shard, progress.shards, on_shard) as writer:
            for made in self._made(gathered):
                self._done.groups += 1
                if isinstance(made, PackedSample):
                    self._done.samples += 1
                    self._done.annotations += len(made.record.annotations)
                    writer.write(made.record.id, made.record, made.media)
                else:
                    self._drop(made, gathered.rows)
                self._report(self._done.groups, total)

    def _made(self, gathered: Gathered) -> Iterator[PackedSample | list[Dropped]]:
        """The samples of the groups that are not done yet, or what is wrong with them."""

        packing = self._packing

        def make(group: int) -> PackedSample | list[Dropped]:
            annotations = gathered.groups.annotations(group)
            try:
                return packed_sample(f"{packing.prefix}-{group:08d}", annotations, self._store, packing.compacting)
            except BadSample as error:
                return [Dropped(each.id, error.reason, error.detail) for each in annotations]

        return in_order(make, range(self._done.groups, len(gathered.groups)), _THREADS, _AHEAD)

    def _drop(self, dropped: Sequence[Dropped], rows: int) -> None:
        for each in dropped:
            self._log.add(each)
        self._new += dropped
        self._log.check(rows)

    def _counts(self, gathered: Gathered) -> dict[str, Any]:
        return {
            "rows": gathered.rows,
            "annotations": self._done.annotations,
            "samples": self._done.samples,
            "duplicates": gathered.groups.duplicates,
            "dropped": dict(sorted(self._log.counts.items())),
        }


def _facts_of(path: Path) -> dict[str, Any]:
    """Path, size and checksum of a file.

    Raises:
        MultigraftError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return {"path": str(path), "bytes": path.stat().st_size, "sha256": digest}
    except OSError as error:
        raise MultigraftError(f"cannot read {path}: {error.strerror}") from None
