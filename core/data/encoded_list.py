"""The list of what is encoded, beside the features: a shard that it names needs no look at annotations or features.

It is believed where a feature shard still is the file that was found whole: of the same size, time, number and time of
its last change. It is only ever replaced as a whole, by who writes to the folder; who meets damage changes the times of
the feature shard instead, so that its entry holds no more.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PlainSerializer, TypeAdapter, ValidationError

from multigraft.core.atomic import written_whole

LIST = "encoded.json"

FileIdentity = tuple[int, int, int, int]
"""Bytes and modification time of a file, its number, and time of its last change; times in nanoseconds."""


_SORTED = PlainSerializer(sorted)


@dataclass(frozen=True)
class Selection:
    """Media of a shard: those that the annotations of some tasks and sources name, with some endings."""

    groups: Annotated[frozenset[tuple[str, str]], _SORTED]
    """Task and source, as annotations name them."""
    endings: Annotated[frozenset[str], _SORTED]


@dataclass(frozen=True)
class Entry:
    """A feature shard as it was found whole, and what it holds."""

    file: FileIdentity | None
    """None where there is none, for there is nothing to encode."""
    media: int
    """Media in it, those among them that could not be decoded too."""
    bad: Mapping[str, int]
    """Media that could not be decoded, by reason."""
    complete: tuple[Selection, ...]
    """Selections of which it holds all; no two of the same endings."""

    def holds(self, wanted: Selection) -> bool:
        """Whether all of a selection is there."""
        known = [each.groups for each in self.complete if each.endings >= wanted.endings]
        return wanted.groups <= frozenset().union(*known)

    def with_complete(self, others: Sequence[Selection]) -> "Entry":
        """The same file, of which more is known."""
        groups = {each.endings: each.groups for each in self.complete}
        for each in others:
            groups[each.endings] = groups.get(each.endings, frozenset()) | each.groups
        return replace(self, complete=tuple(Selection(own, endings) for endings, own in groups.items()))


@dataclass(frozen=True)
class _Written:
    version: Literal[1]
    shards: dict[str, Entry]
    """By the name of the feature shard, which holds a hash of the content of its shard."""


_WRITTEN = TypeAdapter(_Written)


def identity_of(path: Path) -> FileIdentity | None:
    """By what a file is known to be the same; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def distrust(path: Path) -> None:
    """Have a feature shard looked at when features are made next: its times are changed, so no entry holds."""
    with suppress(OSError):  # who may not write there cannot make it again either
        os.utime(path)


class EncodedList:
    """The list of a folder of features.

    Args:
        folder: that of one fingerprint.
        tell: takes a message about damage.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell = folder / LIST, tell
        self._shards = self._read()
        self._new: dict[str, Entry] = {}

    def entry(self, feature_shard: Path, wanted: Selection) -> Entry | None:
        """What is known of a feature shard that is still the same file and holds a whole selection."""
        found = self._new.get(feature_shard.name) or self._shards.get(feature_shard.name)
        return found if found and found.file == identity_of(feature_shard) and found.holds(wanted) else None

    def note(self, feature_shard: Path, entry: Entry) -> None:
        """Take up what is known of a feature shard, until `save`."""
        known = self._shards.get(feature_shard.name)
        same = known is not None and known.file == entry.file
        self._new[feature_shard.name] = entry.with_complete(known.complete) if known and same else entry

    @property
    def is_due(self) -> bool:
        """Whether so much is new that a process that is killed should not lose it; so seldom that all writing together
        is a few times the list."""
        return 16 * len(self._new) >= max(len(self._shards), 1)

    @property
    def has_news(self) -> bool:
        """Whether there is something to save."""
        return bool(self._new)

    def save(self) -> None:
        """Write what is new beside what others have written; for the only writer of the folder."""
        if not self._new:
            return
        self._shards, self._new = self._read() | self._new, {}
        with written_whole(self._path) as temporary:
            temporary.write_bytes(_WRITTEN.dump_json(_Written(1, self._shards)))

    def _read(self) -> dict[str, Entry]:
        try:
            return _WRITTEN.validate_json(self._path.read_bytes(), strict=True).shards
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError):
            self._tell(f"{self._path} cannot be read or is damaged; all stored features are looked at again")
            return {}
