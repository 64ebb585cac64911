"""Shard patterns of a recipe to paths."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


def expand(pattern: str, root: Path) -> list[Path]:
    """The shards that a pattern names: a path, a brace list (`{000..007}`, `{a,b}`), `*` in a file's name, or a folder
    with `*.tar` in it.

    Relative patterns start at `root`. Paths are given whether or not they exist; `*` and folders give the shards
    there, sorted.

    Raises:
        ValueError: braces that are open or empty, or a range that runs backwards.
    """
    return [shard for text in _expand_braces(pattern) for shard in _shards(root / text)]


def _expand_braces(pattern: str) -> Iterator[str]:
    pieces = _BRACES.split(pattern)
    if any(brace in piece for piece in pieces[::2] for brace in "{}"):
        raise ValueError(f"{pattern!r} has a brace without its partner")
    choices = [_members(piece) if place % 2 else [piece] for place, piece in enumerate(pieces)]
    return ("".join(chosen) for chosen in product(*choices))


def _members(text: str) -> list[str]:
    span = _RANGE.fullmatch(text)
    if not span:
        if "," not in text:
            raise ValueError(f"{{{text}}} is neither a range such as {{000..007}} nor a list such as {{a,b}}")
        return text.split(",")
    first, last = span.groups()
    if int(last) < int(first):
        raise ValueError(f"{{{text}}} runs backwards")
    return [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]


def _shards(path: Path) -> list[Path]:
    if "*" in path.name:
        return sorted(path.parent.glob(path.name))
    return sorted(path.glob("*.tar")) if path.is_dir() else [path]
