"""Media by name, from folders of files and from tars: what annotations that are not packed yet refer to."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from multigraft.core.data.decode import LARGEST_MEMBER
from multigraft.core.errors import BadSample, MultigraftError, legible
from multigraft.core.interfaces.source import MediaPlace
from multigraft.core.suggest import nearest_file


def media_name(text: str) -> str:
    """The one way to write a name: `./a//b.jpg` is `a/b.jpg`.

    Raises:
        BadSample: `bad medium name`: empty, absolute, or out of the store by `..`.
    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in text:
        raise BadSample("bad medium name", legible(f"{text!r} is no relative path that stays within a folder"))
    return str(path)


def ending(name: str) -> str:
    """What follows the last dot of a name, in lower case; empty if there is none."""
    return PurePosixPath(name).suffix.removeprefix(".").lower()


class FolderPlace(MediaPlace):
    """The files below a folder. Links that lead out of it are refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.realpath(folder)

    def size(self, name: str) -> int | None:
        """Bytes of a file.

        Raises:
            BadSample: it is no file, or lies elsewhere.
        """
        path = self._real(name)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        if not S_ISREG(status.st_mode):
            raise BadSample("missing medium", legible(f"{name} is no file"))
        return status.st_size

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            BadSample: it cannot be read.
        """
        try:
            with open(os.open(self._real(name), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
                return file.read(LARGEST_MEMBER + 1)
        except OSError as error:
            raise BadSample("unreadable medium", legible(f"{name}: {error.strerror}")) from None

    def _real(self, name: str) -> str:
        real = os.path.realpath(os.path.join(self._folder, name))
        if os.path.commonpath([real, self._folder]) != self._folder:
            raise BadSample("bad medium name", legible(f"{name} is a link that leads out of its folder"))
        return real


class MediaStore:
    """Looks media up in several places; one that several have is refused."""

    def __init__(self, places: Sequence[MediaPlace]) -> None:
        self._places = tuple(places)

    @classmethod
    def of(cls, paths: Sequence[Path], embedded: MediaPlace | None = None) -> "MediaStore":
        """The store over folders and tars.

        Args:
            embedded: a place that is asked first, and alone where it has a name.

        Raises:
            MultigraftError: a path is neither.
        """
        if missing := next((path for path in paths if not path.exists()), None):
            raise MultigraftError(f"media: {missing} is not there{nearest_file(missing)}")
        return cls([*([embedded] if embedded else []), *map(FolderPlace, paths)])

    def check(self, name: str) -> None:
        """Look a medium up without reading it.

        Raises:
            BadSample: it is not there, empty, or too large.
        """
        self._place(name)

    def read(self, name: str) -> bytes:
        """The bytes of a medium.

        Raises:
            BadSample: it is not there, empty or too large, or cannot be read.
        """
        data = self._place(name).read(name)
        _check_size(name, len(data))
        return data

    def _place(self, name: str) -> MediaPlace:
        found = []
        for place in self._places:
            size = place.size(name)
            if size is not None:
                _check_size(name, size)
                found.append(place)
        if not found:
            raise BadSample("missing medium", legible(name))
        return found[0]


def _check_size(name: str, size: int) -> None:
    if size == 0:
        raise BadSample("empty file", legible(name))
    if size > LARGEST_MEMBER:
        raise BadSample("too large", legible(f"{name} has {size:,} bytes, more than {LARGEST_MEMBER:,}"))
