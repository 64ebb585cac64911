"""The files of a source: that they are there, and what rows of each are called."""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from multigraft import MultigraftError, OptionError, nearest_name

_SHOWN = 20
_MOST_BESIDE = 10_000
"""Names in a folder that are compared with one that is not there."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def existing(files: Sequence[str]) -> list[Path]:
    """The paths of files and folders that are there.

    Raises:
        OptionError: some are not, with what is called like the first.
    """
    for place, each in enumerate(files):
        if "://" in each:
            scheme = each.partition("://")[0]
            raise OptionError(("files", place), f"`{scheme}://...` is an address", "fetch the file first")
    paths = [Path(each) for each in files]
    missing = [place for place, path in enumerate(paths) if not path.exists() and not path.is_symlink()]
    if missing:
        first, *others = (paths[place] for place in missing)
        near = nearest_name(first.name, _names_beside(first))
        told = f"{first} is not there{_others(others)}"
        raise OptionError(("files", missing[0]), told, f"did you mean {near!r}?" if near else "")
    for place, path in enumerate(paths):
        if not path.exists():
            raise OptionError(("files", place), f"{path} is a link to {os.readlink(path)}, which is not there")
        if not (path.is_file() or path.is_dir()):
            raise OptionError(("files", place), f"{path} is a pipe, a socket or a device", "it is read several times")
    return paths


def _names_beside(path: Path) -> list[str]:
    """What lies beside a path; nothing of a folder with so many names that comparing them takes seconds."""
    if not path.parent.is_dir():
        return []
    names = [each.name for each in islice(path.parent.iterdir(), _MOST_BESIDE + 1)]
    return names if len(names) <= _MOST_BESIDE else []


def _others(paths: Sequence[Path]) -> str:
    """What is said of further files that are not there."""
    more = f" and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
    return f", nor {', '.join(map(str, paths[:_SHOWN]))}{more}" if paths else ""


def existing_files(files: Sequence[str]) -> list[Path]:
    """The paths of files that are there.

    Raises:
        OptionError: as `existing`, or one is a folder.
    """
    paths = existing(files)
    for place, path in enumerate(paths):
        if path.is_dir():
            raise OptionError(("files", place), f"{path} is a folder", "give the files in it that are read")
    return paths


def refuse_utf_16(path: Path) -> None:
    """Refuse a file of text as some programs of Windows save it.

    Raises:
        MultigraftError: it is UTF-16.
    """
    with path.open("rb") as start:
        if start.read(2) in _UTF_16:
            raise MultigraftError(f"{path} is UTF-16; save it as UTF-8")


def labels(paths: Sequence[Path]) -> list[str]:
    """A short name for each file, by which its rows are called: its stem, where all have different ones."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    common = os.path.commonpath([path.resolve().parent for path in paths])
    return [path.resolve().relative_to(common).as_posix() for path in paths]
