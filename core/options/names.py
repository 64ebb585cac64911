"""Names in a recipe: those that it gives, which become names of files, and those that must be the name of something."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import AfterValidator

LONGEST_NAME = 100
"""Bytes of UTF-8: a file's name has 255 at most on all systems, and ours put something before and behind it."""
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


@dataclass(frozen=True)
class Refers:
    """Marks a text that must be the name of something in the recipe: `Annotated[str, Refers("task")]`.

    In options of plugins too, also for keys of mappings and items of lists. Known: `task`, `split`, `control`.
    """

    what: str


@dataclass(frozen=True)
class SourceText:
    """Marks a text `scheme:value` that says where something comes from; what `path:` names must be there."""


@dataclass(frozen=True)
class DataPath:
    """Marks a text that names files or a folder of data; in a recipe it starts at `data.root`, and must be there."""


@dataclass(frozen=True)
class Given:
    """Marks a name that the recipe gives to something; names of one mapping or list differ by more than case."""

    what: str


def fit_name(name: str, what: str) -> str:
    """A name that can be part of a file's name on every system; `what` says whose name it is.

    Raises:
        ValueError: it cannot.
    """
    size = len(name.encode("utf-8", "surrogatepass"))
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{what} name {name[:50]!r}: use letters, digits, `-` and `_`")
    if size > LONGEST_NAME:
        raise ValueError(f"{what} name {name[:20]!r}... has {size} bytes; it names files: use {LONGEST_NAME} at most")
    if _DEVICES.fullmatch(folded(name)):
        raise ValueError(f"{what} name {name!r} is that of a device on Windows and no file can have it")
    return name


def _given(what: str) -> tuple[AfterValidator, Given]:
    return AfterValidator(partial(fit_name, what=what)), Given(what)


TaskName = Annotated[str, *_given("task")]
AdapterName = Annotated[str, *_given("adapter")]
GroupName = Annotated[str, *_given("group")]
ChoiceName = Annotated[str, *_given("choice")]


def folded(name: str) -> str:
    """Equal for names that some file system takes for one: case and the form of accents do not count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def same_file(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs (earlier, later) of different names that some file system takes for one."""
    first: dict[str, str] = {}
    for name in names:
        if first.setdefault(folded(name), name) != name:
            yield first[folded(name)], name
