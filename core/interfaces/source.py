"""Source: annotations from files that are no shards, such as a table.

A component's `build(options) -> Source`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from multigraft.core.types.annotation import Annotation


@dataclass(frozen=True)
class Dropped:
    """A row that cannot be used. `reason` is a short, countable text; `detail` says what was seen."""

    row: str
    """Where it stands, such as `train.csv#12`."""
    reason: str
    detail: str = ""
    rows: int = 1
    """How many it stands for, at most, where what is wrong with one swallows others."""


class MediaPlace(ABC):
    """Media by their names, such as a folder of files."""

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether there is a medium of this name; looked up, not read, where that can be done.

        Raises:
            BadSample: there is something of this name that cannot be used.
        """

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A medium that is there; called by several threads.

        Raises:
            BadSample: it cannot be read.
        """


class Source(ABC):
    """Annotations whose media are names in a media store: relative paths with `/`, whose case counts."""

    files: tuple[Path, ...] = ()
    """What it reads; a manifest names each with its size and checksum."""
    media: tuple[Path, ...] = ()
    """Folders and tars where its media lie, if nobody names others."""
    embedded: MediaPlace | None = None
    """Media that lie in `files` themselves; they are looked up here first."""

    @abstractmethod
    def annotations(self) -> Iterator[Annotation | Dropped]:
        """All of them, one by one, in the same order each time; a row that cannot be used is `Dropped` in its place.

        Raises:
            MultigraftError: a file cannot be used at all.
        """
