"""Writing files and folders so that a reader never sees half of one."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from multigraft.core.data.files import folder_in_the_making, written_whole
from multigraft.core.errors import MultigraftError


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
        raise MultigraftError(f"{path} cannot be written: {reason}{hint and f'; {hint}'}") from error


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
