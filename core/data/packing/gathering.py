"""The first pass over a source: its annotations in groups, and what cannot be used, before anything is written."""

from collections.abc import Callable, Collection
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from multigraft.core.data.media_store import MediaStore, ending, media_name
from multigraft.core.data.packing.grouping import MediaGroups
from multigraft.core.errors import BadSample
from multigraft.core.interfaces.source import Dropped, Source
from multigraft.core.types.annotation import Annotation

_REMEMBERED = 1 << 16
"""Names of media that were looked up and are there."""
_REPORTED = 1000
"""Rows from one report to the next."""


class Gathered:
    """The annotations of a source that can be used, in groups; the packer and any other reader go through these.

    Args:
        store: where media are looked up; if there is none, their names alone are looked at.
        endings: of media that some input reads.
        drop: takes what cannot be used.
        folder: on whose disk annotations wait.
        report: called now and then with how many rows were read.
    """

    def __init__(
        self,
        source: Source,
        store: MediaStore | None,
        endings: Collection[str],
        drop: Callable[[Dropped], None],
        folder: Path,
        report: Callable[[int], None],
    ) -> None:
        self.groups, self.rows = MediaGroups(folder), 0
        self._endings, self._drop, self._dropped = frozenset(endings), drop, blake2b(digest_size=16)
        self._store, self._check = store, lru_cache(_REMEMBERED)(store.check) if store else None
        for found in source.annotations():
            reported = self.rows // _REPORTED
            self.rows += found.rows if isinstance(found, Dropped) else 1
            self._take(found)
            if self.rows // _REPORTED > reported:
                report(self.rows)
        for name in self.groups.close_adding():
            self._leave_out(Dropped(name, "repeated id", "an annotation before it has the same id"))

    @property
    def digest(self) -> str:
        """Short hash of all that was found, and of what could not be used."""
        return f"{self.groups.digest}-{self._dropped.hexdigest()}"

    def _take(self, found: Annotation | Dropped) -> None:
        if isinstance(found, Dropped):
            self._leave_out(found)
            return
        try:
            self.groups.add(self._usable(found))
        except BadSample as error:
            self._leave_out(Dropped(found.id, error.reason, error.detail))

    def _usable(self, annotation: Annotation) -> Annotation:
        names = tuple(map(self._name, annotation.media))
        if self._check is not None:
            for name in names:
                if ending(name) not in self._endings:
                    known = ", ".join(sorted(self._endings))
                    raise BadSample("no input reads it", f"{name}{self._near(name)}; inputs read {known}")
                self._check(name)
        return annotation.model_copy(update={"media": names}) if names != annotation.media else annotation

    def _name(self, text: str) -> str:
        try:
            return media_name(text)
        except BadSample as error:
            raise BadSample(error.reason, error.detail + self._near(text)) from None

    def _near(self, name: str) -> str:
        return self._store.near(name) if self._store else ""

    def _leave_out(self, dropped: Dropped) -> None:
        self._dropped.update(f"{dropped.row}\0{dropped.reason}\n".encode("utf-8", "backslashreplace"))
        self._drop(dropped)
