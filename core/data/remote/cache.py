"""A bounded folder of local copies of shards; those that are read are never removed."""

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from multigraft.core.atomic import is_temporary, write_json, writing, written_whole
from multigraft.core.data.open_file import OpenFile, removed_unless_held
from multigraft.core.errors import MultigraftError
from multigraft.core.locking import next_writer

FACTS = "facts.json"
"""Beside a copy: whose it is. Its time is that of the copy's last use."""
GIGABYTE = 1 << 30
_IN_THE_MAKING = -1
"""In place of the last use: nothing that is whole, so it goes first; whoever writes it holds it."""
_HELD_SHARE = 2
"""One process holds copies of at most `1 / _HELD_SHARE` of the cache, so that others can be fetched."""


@dataclass(frozen=True)
class Entry:
    """A shard that has, or will have, a copy."""

    key: str
    """Name of its folder: a hash of all that tells it from others."""
    name: str
    """Of the copy."""
    source: str
    """In words."""
    size: int | None
    """Bytes; None where nobody knows before it is fetched."""
    fetch: Callable[[Path, int], None]
    """Write the copy to a new file, of at most so many bytes."""
    time: int | None = None
    """Modification time that the copy gets, in nanoseconds: that of its index."""


class ShardCache:
    """Copies of shards, used by several threads and processes at once.

    Args:
        folder: made when first needed.
        room: bytes of all copies, at most.
    """

    def __init__(self, folder: Path, room: int) -> None:
        self._folder, self.room = folder, room
        self._held: OrderedDict[str, OpenFile] = OrderedDict()
        self._lock = Lock()
        self._making: dict[str, Lock] = {}
        self._told = False

    def path(self, entry: Entry) -> Path:
        """Where its copy is, or will be."""
        return self._folder / entry.key / entry.name

    @contextmanager
    def folder_of(self, entry: Entry) -> Iterator[Path]:
        """The folder of an entry, for its only writer."""
        with next_writer(self._folder / entry.key):
            facts = self._folder / entry.key / FACTS
            if not facts.exists():
                write_json(facts, {"source": entry.source, "bytes": entry.size})
            yield facts.parent

    def opened(self, entry: Entry) -> OpenFile:
        """The copy of a shard, fetched if it is not there; held while it is among those used last.

        Raises:
            MultigraftError: it cannot be fetched, or is larger than the cache.
        """
        with self._lock:
            file = self._held.get(entry.key)
            if file is not None:
                self._held.move_to_end(entry.key)
                return file
            making = self._making.setdefault(entry.key, Lock())
        with making:
            with self._lock:
                file = self._held.get(entry.key)
            if file is None:
                file = self._there(entry) or self._fetched(entry)
                self._hold(entry, file)
            return file

    def _there(self, entry: Entry) -> OpenFile | None:
        """The copy, held, if there is a whole one."""
        path = self.path(entry)
        try:
            file = OpenFile(path)
            if not file.hold() or os.stat(path).st_ino != file.identity[0]:
                return None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MultigraftError(f"cannot read {path}: {error.strerror}") from None
        return file if entry.size in (None, file.size) else None

    def _fetched(self, entry: Entry) -> OpenFile:
        path = self.path(entry)
        with self.folder_of(entry):
            if file := self._there(entry):
                return file
            most = self._make_room(entry)
            with writing(path), written_whole(path) as temporary:
                entry.fetch(temporary, most)
                if entry.time is not None:
                    os.utime(temporary, ns=(entry.time, entry.time))
            os.utime(path.parent / FACTS)
            if file := self._there(entry):
                return file
        raise MultigraftError(f"{path} was removed as soon as it was fetched; is `data.cache` somebody else's?")

    def _hold(self, entry: Entry, file: OpenFile) -> None:
        with suppress(FileNotFoundError):  # somebody tidied up by hand
            os.utime(self._folder / entry.key / FACTS)
        with self._lock:
            self._held[entry.key] = file
            while len(self._held) > 1 and sum(each.size for each in self._held.values()) > self.room // _HELD_SHARE:
                self._held.popitem(last=False)

    def _make_room(self, entry: Entry) -> int:
        """Remove copies that were not used for longest; returns how many bytes the new one may have."""
        size = entry.size or 0
        if size > self.room:
            raise MultigraftError(
                f"{entry.source} has {size / GIGABYTE:.3g} GB, more than all of `data.cache.gigabytes`, "
                f"{self.room / GIGABYTE:.3g}"
            )
        copies = sorted(self._copies())
        total = sum(its for _, its, _ in copies)
        for used, its, path in copies:
            if total + size <= self.room and used != _IN_THE_MAKING:
                break
            total -= its if removed_unless_held(path) else 0
        if total + size > self.room and not self._told:
            self._told = True
            print(f"{self._folder} holds more than `data.cache.gigabytes`: all of it is being read", file=sys.stderr)
        return size if entry.size is not None else max(0, self.room - total)

    def _copies(self) -> Iterator[tuple[int, int, Path]]:
        """Last use, bytes and path of each copy, also of those that are being fetched, or were when a kill came."""
        for folder in os.scandir(self._folder):
            try:
                files = {each.name: each.stat() for each in os.scandir(folder.path)}
            except (FileNotFoundError, NotADirectoryError):  # another process is here too
                continue
            used = files[FACTS].st_mtime_ns if FACTS in files else 0
            for name, status in files.items():
                if is_temporary(name):
                    yield _IN_THE_MAKING, status.st_size, Path(folder.path) / name
                elif name.endswith(".tar") and not name.startswith("."):
                    yield used, status.st_size, Path(folder.path) / name


def default_folder() -> Path:
    """Where copies lie if the recipe says nothing: `multigraft/shards` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multigraft" / "shards"
