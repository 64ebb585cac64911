"""Writing files and folders so that a reader never sees half of one."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from multigraft.core.errors import MultigraftError

_PART, _PARTIAL = ".part", ".partial"
_TEMPORARY = re.compile(r"\.(.+)\.([0-9a-f]{16}|[0-9]+)\.part")
"""Names with a number are those of version 0.1, whose processes claimed nothing."""


@contextmanager
def writing(path: Path, hint: str = "") -> Iterator[None]:
    """Tell what the system says when `path` cannot be written, such as no space left.

    Raises:
        MultigraftError: instead of the system's own error.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise MultigraftError(
            f"{path} cannot be written: {reason}{_culprit(error, path)}{hint and f'; {hint}'}"
        ) from error


def _culprit(error: Exception, path: Path) -> str:
    """The file that an error is about where it is another one than `path`, in brackets; temporary ones tell nothing."""
    named = getattr(error, "filename2", None) or getattr(error, "filename", None)
    return f" ({named})" if isinstance(named, str) and Path(named) != path and not named.endswith(".part") else ""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to it when the block ends well, removed when it does not.

    What a killed process left beside it is removed first.
    """
    with _claimed(path) as temporary:
        yield temporary
        os.replace(temporary, path)


@contextmanager
def folder_in_the_making(folder: Path) -> Iterator[Path]:
    """An empty folder under a temporary name beside `folder`, for the block to rename; it is removed at the end.

    What a killed process left beside it is removed first.
    """
    with _claimed(folder) as claim:
        temporary = claim.with_suffix(_PARTIAL)
        try:
            temporary.mkdir()
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def is_temporary(name: str) -> bool:
    """Whether a file is named as what is being written, or as what a killed process left of it."""
    return _TEMPORARY.fullmatch(name) is not None


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder under a temporary name, sync it to disk, and rename it; on an error nothing is left behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder_in_the_making(folder) as temporary:
        fill(temporary)
        sync_tree(temporary)
        temporary.rename(folder)
        sync(folder.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text under a temporary name, then rename.

    Raises:
        MultigraftError: the system refuses, such as for no space left.
    """
    with writing(path), written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON under a temporary name, then rename.

    Raises:
        MultigraftError: as `write_text`.
    """
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def sync_tree(folder: Path) -> None:
    """Bring every file and folder below `folder` to the disk."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)


def sync(path: Path) -> None:
    """Bring one file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _claimed(path: Path) -> Iterator[Path]:
    """A temporary file that is locked while this process lives, so that others can tell it from what a kill left.

    Its name is drawn: the same process number may be another process in another container.
    """
    _remove_left_behind(path)
    temporary = path.with_name(f".{path.name}.{token_hex(8)}{_PART}")
    lock = FileLock(temporary)
    lock.acquire()
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
        lock.release()


def _remove_left_behind(path: Path) -> None:
    """Remove the temporary files and folders beside `path` that no living process has claimed."""
    for name in os.listdir(path.parent):
        found = _TEMPORARY.fullmatch(name)
        if not found or (found[2].isdecimal() and found[1] != path.name):
            continue
        left = path.with_name(name)
        lock = FileLock(left)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):  # a living process writes it, or it is not ours to remove
            continue
        try:
            shutil.rmtree(left.with_suffix(_PARTIAL), ignore_errors=True)
            left.unlink(missing_ok=True)
        finally:
            lock.release()
