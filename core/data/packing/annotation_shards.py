"""Shards without media, made once of a source: its annotations in the order in which `data pack` would pack them."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from os.path import relpath
from pathlib import Path
from typing import Any

from multigraft.core.atomic import written_whole
from multigraft.core.data.manifest import missing_data
from multigraft.core.data.media_store import ending
from multigraft.core.data.packing.dropped import DroppedLog
from multigraft.core.data.packing.gathering import Gathered
from multigraft.core.data.packing.grouping import MOST_BYTES
from multigraft.core.data.shard_writer import ShardFacts, ShardFile, add_packed, read_manifest, update_manifest
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.source import Dropped, Source
from multigraft.core.locking import next_writer
from multigraft.core.types.annotation import Annotation, Record

DROPPED = "dropped.jsonl"
_PREFIX = "annotations"
_FORM = 1
"""Of the shards; another form gets other folders."""
_GROUPS = 500
"""Groups of annotations about the same media in a shard: as many as `data pack` writes samples to one."""
_RECORD = 256
"""Annotations of a record."""
_MEGABYTE = 1 << 20
_SHOWN = 5

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class AnnotationShards:
    """A folder that holds all annotations of a source that can be used."""

    folder: Path
    shards: tuple[Path, ...]
    rows: int
    dropped: Mapping[str, int]
    """Rows that cannot be used, by reason."""
    endings: Mapping[str, frozenset[str]]
    """Of the media that annotations name, by their task."""
    made_of: Mapping[str, Any]
    """What was said of the source when they were made."""

    @classmethod
    def stored(cls, folder: Path) -> "AnnotationShards | None":
        """What a folder holds, if it is whole."""
        if missing_data(folder):
            return None
        try:
            entry = read_manifest(folder)["packed"][_PREFIX]
            counts, endings = entry["counts"], {task: frozenset(each) for task, each in entry["endings"].items()}
            shards = tuple(folder / name for name in entry["shards"])
            return cls(folder, shards, int(counts["rows"]), dict(counts["dropped"]), endings, dict(entry["of"]))
        except (MultigraftError, KeyError, TypeError, AttributeError, ValueError):
            return None

    def dropped_rows(self) -> Iterator[Dropped]:
        """The rows that cannot be used, in the order met."""
        if self.dropped:
            with (self.folder / DROPPED).open(encoding="utf-8") as file:
                yield from (Dropped(**json.loads(line)) for line in file)


def annotation_shards(
    source: Source, of: Mapping[str, Any], home: Path, temporary: Callable[[], Path] | None, report: Report
) -> AnnotationShards:
    """The shards of a source, in a folder that is named by all that decides them; made if they are not there.

    Media are not looked up.

    Args:
        of: plain values that tell the source from others; its files are looked at besides.
        home: folder of the folders.
        temporary: gives another folder for what is not in `home` yet, where that must not be written to.
        report: called with 0 and the rows read, then with groups of annotations written and all groups.

    Raises:
        MultigraftError: a file cannot be used at all, or the folder not be written.
    """
    files = [_facts(path, home.parent) for path in source.files]
    told = {"form": _FORM, **of, "files": files, **({} if files else {"digest": _digest(source, home, temporary)})}
    name = blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()
    if stored := AnnotationShards.stored(home / name):
        return stored
    folder = (temporary() if temporary else home) / name
    try:
        with next_writer(folder):
            if stored := AnnotationShards.stored(folder):
                return stored
            _make(source, told, folder, report)
    except MultigraftError:
        with suppress(OSError):  # it is empty where the source cannot be used
            folder.rmdir()
        raise
    if not temporary:
        _tell_of_others(folder, told)
    made = AnnotationShards.stored(folder)
    if made is None:
        raise MultigraftError(f"{folder} was changed while it was being made")
    return made


def _facts(path: Path, root: Path) -> list[Any]:
    """Path, bytes and modification time in nanoseconds of a file.

    Raises:
        MultigraftError: it cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise MultigraftError(f"cannot read {path}: {error.strerror}") from None
    inside = path.resolve().is_relative_to(root.resolve())
    return [relpath(path, root) if inside else str(path.resolve()), status.st_size, status.st_mtime_ns]


def _digest(source: Source, home: Path, temporary: Callable[[], Path] | None) -> str:
    """A hash of what a source gives that names no files."""
    folder = temporary() if temporary else home
    folder.mkdir(parents=True, exist_ok=True)
    gathered = Gathered(source, None, (), lambda dropped: None, folder, lambda rows: None)
    gathered.groups.close()
    return gathered.digest


def _make(source: Source, told: Mapping[str, Any], folder: Path, report: Report) -> None:
    for left in folder.glob(f"{_PREFIX}-*"):
        left.unlink()
    with written_whole(folder / DROPPED) as temporary:
        log = DroppedLog(temporary, folder / DROPPED, 1.0)
        gathered = Gathered(source, None, (), log.add, folder, lambda rows: report(0, rows))
        with closing(log), closing(gathered.groups):
            writer = _Writer(folder, gathered, report)
            writer.write()
    if not log.counts:
        (folder / DROPPED).unlink()
    entry = {
        "made_by": "a recipe's source",
        "of": dict(told),
        "counts": {
            "rows": gathered.rows,
            "annotations": writer.annotations,
            "dropped": dict(sorted(log.counts.items())),
        },
        "endings": {task: sorted(found) for task, found in sorted(writer.endings.items())},
        "shards": list(writer.facts),
    }
    update_manifest(folder, writer.facts)
    add_packed(folder, _PREFIX, entry)


class _Writer:
    """Writes what was gathered, shard by shard."""

    def __init__(self, folder: Path, gathered: Gathered, report: Report) -> None:
        self._folder, self._groups, self._report = folder, gathered.groups, report
        self.facts: dict[str, ShardFacts] = {}
        self.endings: defaultdict[str, set[str]] = defaultdict(set)
        self.annotations = self._records = 0

    def write(self) -> None:
        total = len(self._groups)
        for start in range(0, total, _GROUPS):
            groups = range(start, min(start + _GROUPS, total))
            self._write_shard(chain.from_iterable(map(self._groups.annotations, groups)))
            self._report(groups.stop, total)

    def _write_shard(self, annotations: Iterable[Annotation]) -> None:
        shard = ShardFile(self._folder / f"{_PREFIX}-{len(self.facts):06d}.tar")
        try:
            for own in _records(annotations):
                key = f"{_PREFIX}-{self._records:08d}"
                shard.add(key, Record(id=key, apart=True, annotations=tuple(own)), {})
                self._note(own)
        except BaseException as error:
            shard.close(error)
            raise
        shard.close()
        self.facts[shard.path.name] = shard.facts()

    def _note(self, annotations: list[Annotation]) -> None:
        self._records += 1
        self.annotations += len(annotations)
        for each in annotations:
            self.endings[each.task].update(map(ending, each.media))


def _records(annotations: Iterable[Annotation]) -> Iterator[list[Annotation]]:
    """The annotations in their order, in lists that fit into a record."""
    own: list[Annotation] = []
    size = 0
    for each in annotations:
        length = len(each.model_dump_json(exclude_defaults=True))
        if own and (len(own) == _RECORD or size + length > MOST_BYTES):
            yield own
            own, size = [], 0
        own.append(each)
        size += length
    if own:
        yield own


def _tell_of_others(folder: Path, told: Mapping[str, Any]) -> None:
    """Say which folders there are of the same files, as they were earlier or read with other options, and how large: a
    run may still read them."""
    others = [
        each
        for each in sorted(folder.parent.iterdir())
        if each != folder and (stored := AnnotationShards.stored(each)) and _what(stored.made_of) == _what(told)
    ]
    if others:
        sizes = {each.name: _bytes(each) / _MEGABYTE for each in others}
        shown = ", ".join(f"{name} ({size:,.1f} MB)" for name, size in list(sizes.items())[:_SHOWN])
        more = f" and {len(sizes) - _SHOWN:,} more" if len(sizes) > _SHOWN else ""
        print(
            f"{folder.parent} holds {len(others):,} of the same files as they were before or read with other options, "
            f"{sum(sizes.values()):,.1f} MB: {shown}{more}; delete what no recipe reads any more, "
            "since what is missing is made again",
            file=sys.stderr, flush=True,
        )  # fmt: skip


def _bytes(folder: Path) -> int:
    """Of its files; nothing of a folder that somebody has just deleted."""
    with suppress(FileNotFoundError):
        return sum(file.stat().st_size for file in folder.iterdir())
    return 0


def _what(told: Mapping[str, Any]) -> Any:
    """The files of a source; its options where it names none."""
    return [name for name, *_ in told.get("files", ())] or told.get("options")
