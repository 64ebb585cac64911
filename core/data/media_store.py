"""Media by name, from folders of files and from tars: what annotations that are not packed yet refer to.

Tars are shards as any: those of img2dataset and video2dataset, whose keys are numbers, are read as they are.
"""

import os
from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from unicodedata import normalize

import numpy as np

from multigraft.core.data.decode import LARGEST_MEMBER
from multigraft.core.data.near_media import NearFiles, told_near, with_slashes
from multigraft.core.data.shard import Shard, open_shard
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
        self.near = NearFiles(folder).near

    def has(self, name: str) -> bool:
        """Whether there is a file.

        Raises:
            BadSample: it is no file, empty or too large, or lies elsewhere.
        """
        path = self._real(name)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return False
        if not S_ISREG(status.st_mode):
            raise BadSample("missing medium", legible(f"{name} is no file"))
        _check_size(name, status.st_size)
        return True

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


class TarsPlace(MediaPlace):
    """The files of tars by `KEY.FIELD`, their names there; capitals make no difference in the field.

    A key that several tars have with this field is refused. Memory is 12 bytes for each sample.
    """

    def __init__(self, tars: Sequence[Path]) -> None:
        self._tars = tuple(tars)
        hashes, numbers = array("Q"), array("I")
        for number, tar in enumerate(self._tars):
            found = array("Q", map(_hashed, open_shard(tar).index.keys))
            hashes.extend(found)
            numbers.extend([number] * len(found))
        order = np.argsort(np.array(hashes, np.uint64), kind="stable")
        self._hashes, self._numbers = np.array(hashes, np.uint64)[order], np.array(numbers, np.uint32)[order]

    def has(self, name: str) -> bool:
        """Whether a tar has it.

        Raises:
            BadSample: several tars have it, or it is empty or too large.
        """
        found = list(self._found(name))
        if len(found) > 1:
            raise BadSample("ambiguous medium", legible(f"{name} is in {found[0][0].path} and {found[1][0].path}"))
        for _, _, size in found:
            _check_size(name, size)
        return bool(found)

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            BadSample: it is not there any more, too large, or damaged.
        """
        for shard, sample, _ in self._found(name):
            return shard.read(sample, _field(name), LARGEST_MEMBER)
        raise BadSample("missing medium", legible(name))

    def _found(self, name: str) -> Iterator[tuple[Shard, int, int]]:
        """Shard, sample and bytes of each file of this name."""
        for shard, sample in self._samples(_key(name)):
            file = shard.index.file(sample, _field(name))
            if file is not None:
                yield shard, sample, file.size

    def near(self, name: str) -> list[str]:
        """Names that it may be meant to be: of its key with other fields, or with slashes or accents of another kind;
        the name itself where it is one."""
        text = with_slashes(name)
        ways = dict.fromkeys([text, normalize("NFC", text), normalize("NFD", text)])
        for key in (key for way in ways for key in (_key(way), way)):
            fields = {field for shard, sample in self._samples(key) for field in shard.index.fields_of(sample)}
            if fields:
                same = {field for field in fields if field.lower() == _field(name).lower()}
                return sorted(f"{key}.{field}" for field in same or fields)
        return []

    def _samples(self, key: str) -> Iterator[tuple[Shard, int]]:
        """The samples of this key."""
        first, last = np.searchsorted(self._hashes, np.uint64(_hashed(key)), "left"), len(self._hashes)
        while first < last and self._hashes[first] == _hashed(key):
            shard = open_shard(self._tars[self._numbers[first]])
            sample = shard.index.numbers.get(key)
            if sample is not None:
                yield shard, sample
            first += 1


def _key(name: str) -> str:
    """What stands in front of the field."""
    return name[: len(name) - len(_field(name)) - 1] if _field(name) else name


def _field(name: str) -> str:
    """What follows the first dot behind the last slash, as webdataset takes names apart."""
    return name.rpartition("/")[2].partition(".")[2]


def _hashed(key: str) -> int:
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class MediaStore(MediaPlace):
    """Looks media up in several places; one that several have is refused."""

    def __init__(self, places: Sequence[FolderPlace | TarsPlace], embedded: MediaPlace | None = None) -> None:
        self._places, self._embedded = tuple(places), embedded

    @classmethod
    def of(cls, paths: Sequence[Path], embedded: MediaPlace | None = None) -> "MediaStore":
        """The store over folders and tars.

        Args:
            embedded: a place that is asked first, and alone where it has a name.

        Raises:
            MultigraftError: a path is not there.
            RefusedShardError: a file is no tar that can be used.
        """
        if missing := next((path for path in paths if not path.exists()), None):
            raise MultigraftError(f"media: {missing} is not there{nearest_file(missing)}")
        tars = [path for path in paths if not path.is_dir()]
        folders = [FolderPlace(path) for path in paths if path.is_dir()]
        return cls([*folders, *([TarsPlace(tars)] if tars else [])], embedded)

    def check(self, name: str) -> None:
        """Look a medium up without reading it.

        Raises:
            BadSample: it is not there, in several places, empty, or too large.
        """
        self._place(name)

    def has(self, name: str) -> bool:
        """Whether there is a medium of this name.

        Raises:
            BadSample: as `check`, where there is something of this name.
        """
        return self._found(name) is not None

    def read(self, name: str) -> bytes:
        """The bytes of a medium.

        Raises:
            BadSample: it is not there, empty or too large, or cannot be read.
        """
        data = self._place(name).read(name)
        _check_size(name, len(data))
        return data

    def _place(self, name: str) -> MediaPlace:
        place = self._found(name)
        if place is None:
            raise BadSample("missing medium", legible(name) + self.near(name))
        return place

    def near(self, name: str) -> str:
        """What to say behind a name that is not there: those that it may be meant to be, if there are any."""
        return next((told for place in self._places if (told := told_near(name, place.near(name)))), "")

    def _found(self, name: str) -> MediaPlace | None:
        for places in ([self._embedded] if self._embedded else [], self._places):
            found = [place for place in places if place.has(name)]
            if len(found) > 1:
                raise BadSample("ambiguous medium", legible(f"{name} is in several of the folders and tars"))
            if found:
                return found[0]
        return None


def _check_size(name: str, size: int) -> None:
    if size == 0:
        raise BadSample("empty file", legible(name))
    if size > LARGEST_MEMBER:
        raise BadSample("too large", legible(f"{name} has {size:,} bytes, more than {LARGEST_MEMBER:,}"))
