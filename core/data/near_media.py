"""What a medium that is not there may be meant to be: files of nearly its name, found in bounded work."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from threading import Lock
from unicodedata import is_normalized, normalize

from multigraft.core.errors import legible
from multigraft.core.options.names import folded

_LARGEST = 200_000
"""Names in one folder; a larger one is not looked into."""
_MOST = 2_000_000
"""Names that are looked at in all; then nothing is near any more."""
_KEPT = 4
"""Folders whose names stay in memory: those on the way to a file that lies in three of them."""
_SHOWN = 3


class NearFiles:
    """The files of a folder, found as if case, kinds of slashes, forms of accents, endings, white space around the
    name and what stands before the folder's own name made no difference; safe to ask from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._own = folder, folded(folder.absolute().name)
        self._left, self._lock = _MOST, Lock()
        self._names = lru_cache(_KEPT)(self._names_in)

    def near(self, name: str) -> list[str]:
        """Names of files that it may be meant to be; the name itself where it is one."""
        with self._lock:
            return next((found for parts in self._ways(name) if (found := self._walk(parts))), [])

    def _ways(self, name: str) -> Iterator[Sequence[str]]:
        """The parts of the name, and what follows the folder's own name in them."""
        parts = [part for part in with_slashes(name.strip()).split("/") if part not in ("", ".")]
        yield parts
        yield from (parts[place + 1 :] for place, part in enumerate(parts) if folded(part) == self._own)

    def _walk(self, parts: Sequence[str]) -> list[str]:
        """Files by the parts of a name, in folders of nearly these names."""
        if not parts:
            return []
        *folders, last = parts
        here = PurePosixPath()
        for part in folders:
            found = _alike(part, self._names(str(here)))
            if not found:
                return []
            here /= found
        names = self._names(str(here))
        same = _alike(last, names)
        every = [same] if same else sorted({*names.get(_stem(last), ()), *names.get(folded(last), ())})
        return [str(here / each) for each in every if os.path.isfile(self._folder / here / each)]

    def _names_in(self, below: str) -> Mapping[str, Sequence[str]]:
        """The names in a folder by their stems."""
        found: dict[str, list[str]] = {}
        try:
            with os.scandir(self._folder / below) as entries:
                for number, entry in enumerate(entries):
                    if number == _LARGEST or self._left == 0:
                        return {}
                    self._left -= 1
                    found.setdefault(_stem(entry.name), []).append(entry.name)
        except OSError:
            return {}
        return found


def told_near(name: str, near: Sequence[str]) -> str:
    """`; there is 'a.JPG'`, to stand behind a name that is not there; empty if nothing is near."""
    if not near or name in near:
        return ""
    shown = ", ".join(map(repr, near[:_SHOWN]))
    form = next((each for each in ("NFC", "NFD") if is_normalized(each, near[0])), "")
    accents = f", with its accents in the form {form}" if normalize("NFC", name) == normalize("NFC", near[0]) else ""
    spaces = ", without white space around it" if name != name.strip() else ""
    return legible(f"; there {'is' if len(near) == 1 else 'are'} {shown}{accents}{spaces}")


def with_slashes(name: str) -> str:
    """The name with `/` between its parts, as Windows writes it or not."""
    return name.replace("\\", "/")


def _stem(name: str) -> str:
    return folded(PurePosixPath(name).stem)


def _alike(part: str, names: Mapping[str, Sequence[str]]) -> str:
    """The name of these that differs least, in nothing but case and accents; empty if there is none."""
    same = [each for each in names.get(_stem(part), ()) if folded(each) == folded(part)]
    return part if part in same else min(same, default="")
