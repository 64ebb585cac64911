"""One writer of a folder: a lock of the operating system, which ends with its process, and the name of its holder."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from multigraft.core.atomic import write_json, writing
from multigraft.core.errors import MultigraftError

LOCK, HOLDER = ".lock", ".lock.json"
"""Files in a folder that somebody writes to; both are gone when nobody does."""

_UNKNOWN = "another process"
_ASK_AGAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Holder:
    """Who writes to a folder: for messages only, a process number decides nothing."""

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (`{self.command}`) since {self.since}"


class HeldFolderError(MultigraftError):
    """Somebody else writes to the folder."""


@contextmanager
def only_writer(folder: Path, hint: str) -> Iterator[None]:
    """Be the only writer of a folder, which is made if it is not there.

    Args:
        hint: what to do where another one writes to it.

    Raises:
        HeldFolderError: another one does, with its name.
        MultigraftError: the folder cannot be written to.
    """
    lock = _lock(folder)
    if not _acquired(lock, folder, 0):
        raise HeldFolderError(f"{folder} is being written to by {holder_of(folder)}; {hint}")
    with _held(lock, folder):
        yield


@contextmanager
def next_writer(folder: Path) -> Iterator[None]:
    """Be the only writer of a folder, after those that write to it now; for whom it waits is said on stderr.

    Raises:
        MultigraftError: the folder cannot be written to.
    """
    lock, told = _lock(folder), ""
    free = _acquired(lock, folder, 0)
    while not free:
        if (holder := holder_of(folder)) != told:
            print(f"waiting for {folder}, which is being written to by {holder}", file=sys.stderr, flush=True)
        told, free = holder, _acquired(lock, folder, _ASK_AGAIN_SECONDS)
    with _held(lock, folder):
        yield


@contextmanager
def claimed_file(path: Path) -> Iterator[None]:
    """Be the only one that makes a file, after those that make it now; the folder is there.

    Raises:
        MultigraftError: its folder cannot be written to.
    """
    lock = FileLock(path.resolve().with_name(f".{path.name}{LOCK}"), is_singleton=True)
    with writing(path):
        lock.acquire(poll_interval=0.1)
    try:
        yield
    finally:
        with suppress(OSError):  # while it is locked, as in `_held`
            os.unlink(lock.lock_file)
        lock.release()


def holder_of(folder: Path) -> str:
    """Who writes to a folder that is locked, in words."""
    try:
        return str(Holder(**json.loads((folder / HOLDER).read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError):  # it has only just begun, or it is about to end
        return _UNKNOWN


def _lock(folder: Path) -> FileLock:
    """The lock of a folder; a thread that holds it may take it again."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder.resolve() / LOCK, is_singleton=True)


def _acquired(lock: FileLock, folder: Path, seconds: float) -> bool:
    with writing(folder):
        try:
            lock.acquire(timeout=seconds, poll_interval=0.1)
        except Timeout:
            return False
    return True


@contextmanager
def _held(lock: FileLock, folder: Path) -> Iterator[None]:
    first = lock.lock_counter == 1
    try:
        if first:
            write_json(folder / HOLDER, asdict(_this_process()))
        yield
    finally:
        if first:
            for name in (HOLDER, LOCK):  # while it is locked: who waits for a file that is gone opens the next one
                with suppress(OSError):
                    (folder / name).unlink()
        lock.release()


def _this_process() -> Holder:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return Holder(os.getpid(), socket.gethostname(), command, datetime.now(UTC).isoformat(" ", "seconds"))
