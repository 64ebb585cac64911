"""Shard patterns of a recipe to paths."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"([0-9]{1,18})\.\.([0-9]{1,18})")
_PACKED = re.compile(r"\.(tar(\.(?!index$)[a-z0-9]+)?|tgz|tbz2?|txz|tzst)$", re.IGNORECASE)
MOST_SHARDS = 100_000
"""Paths that one pattern may name."""
_LONGEST_NAME = 255
"""Bytes of a file's name on the usual file systems."""


def expand(pattern: str, root: Path) -> list[Path]:
    """The shards that a pattern names: a path, a brace list (`{000..007}`, `{a,b}`), `*` in a file's name, or a folder
    with `*.tar` in it.

    Relative patterns start at `root`. Paths are given whether or not they exist; `*` and folders give the shards
    there, sorted.

    Raises:
        ValueError: braces that are open or empty, a range that runs backwards, more paths than `MOST_SHARDS`, an
            address, or a name that no file can have.
    """
    return [shard for _, shards in expand_each(pattern, root) for shard in shards]


def expand_each(pattern: str, root: Path) -> list[tuple[Path, list[Path]]]:
    """The shards of each path that braces make of a pattern; none where `*` or a folder has no shards.

    Raises:
        ValueError: as `expand`.
    """
    if "://" in pattern:
        scheme = pattern.partition("://")[0]
        raise ValueError(f"`{scheme}://...` is an address; only the shards that a recipe names may lie elsewhere")
    if "\0" in pattern or any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in _parts(pattern)):
        raise ValueError(f"{pattern[:80]!r}... names a file with a zero byte, or of more than {_LONGEST_NAME} bytes")
    return [(root / text, _shards(root / text)) for text in expand_braces(pattern)]


def named_paths(pattern: str, root: Path) -> list[Path]:
    """As `expand`, where a folder stands for itself.

    Raises:
        ValueError: as `expand`.
    """
    return [each for path, found in expand_each(pattern, root) for each in ([path] if path.is_dir() else found)]


def expand_braces_of_command(command: str, told: str) -> Iterator[str]:
    """The commands that brace lists make of one. Other braces are the shell's or a program's, and stay: those that are
    open, behind a `$`, or around what is neither a range nor a list without white space.

    Args:
        told: names the command in errors, which must not show it.

    Raises:
        ValueError: a range that runs backwards, or too many commands.
    """
    pieces = _BRACES.split(command)
    kept = [[f"{{{text}}}"] if _is_text(text, pieces[2 * place]) else [] for place, text in enumerate(pieces[1::2])]
    choices = [(kept[at // 2] or _members(piece)) if at % 2 else [piece] for at, piece in enumerate(pieces)]
    count = math.prod(map(len, choices))
    if count > MOST_SHARDS:
        raise ValueError(f"{told} names {count:,} shards; a pattern may name {MOST_SHARDS:,}")
    return ("".join(chosen) for chosen in product(*choices))


def _is_text(text: str, before: str) -> bool:
    """Whether braces of a command, with what is in them and before them, make no range and no list."""
    is_list = "," in text and not any(map(str.isspace, text))
    return before.endswith("$") or not (is_list or _RANGE.fullmatch(text))


def expand_braces(pattern: str) -> Iterator[str]:
    """The texts that brace lists make of a pattern.

    Raises:
        ValueError: as `expand`, for braces.
    """
    pieces = _BRACES.split(pattern)
    if any(brace in piece for piece in pieces[::2] for brace in "{}"):
        raise ValueError(f"{pattern!r} has a brace without its partner")
    choices = [_members(piece) if place % 2 else [piece] for place, piece in enumerate(pieces)]
    count = math.prod(map(len, choices))
    if count > MOST_SHARDS:
        raise ValueError(f"{pattern!r} names {count:,} shards; a pattern may name {MOST_SHARDS:,}")
    return ("".join(chosen) for chosen in product(*choices))


def _members(text: str) -> Sequence[str]:
    span = _RANGE.fullmatch(text)
    if not span:
        if "," not in text:
            raise ValueError(f"{{{text}}} is neither a range such as {{000..007}} nor a list such as {{a,b}}")
        return text.split(",")
    first, last = span.groups()
    count = int(last) - int(first) + 1
    if count < 1:
        raise ValueError(f"{{{text}}} runs backwards")
    if count > MOST_SHARDS:
        raise ValueError(f"{{{text}}} names {count:,} shards; a pattern may name {MOST_SHARDS:,}")
    return [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]


def _parts(pattern: str) -> list[str]:
    """The names in a path; braces stand for what is shorter than themselves."""
    return _BRACES.sub("", pattern).split("/")


def _shards(path: Path) -> list[Path]:
    if "*" in path.name:
        return sorted(path.parent.glob(path.name))
    return sorted(path.glob("*.tar")) if path.is_dir() else [path]


def files_named(argument: str) -> list[Path]:
    """The files that a path, a pattern or a folder on the command line names. Of a folder these are its tars,
    compressed ones and what else is named like one too.

    Raises:
        ValueError: as `expand`.
    """
    folder = Path(argument)
    if folder.is_dir():
        return sorted(path for path in folder.iterdir() if _PACKED.search(path.name) and path.name[0] != ".")
    return [folder] if folder.is_file() else expand(argument, Path())
