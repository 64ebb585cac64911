"""What packing leaves out: counted by reason, listed in a file, and bounded."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from multigraft.core.errors import MultigraftError, legible
from multigraft.core.interfaces.source import Dropped

_SHOWN = 5


class TooManyDropped(MultigraftError):  # noqa: N818 - as TooManyBadSamples
    """More of the rows were dropped than may be."""


class DroppedLog:
    """Writes a line for each row that is dropped.

    Args:
        temporary: where lines are written.
        path: where the list will be; it is brought there too when it stops the packing.
        limit: share of all rows that may be dropped.
    """

    def __init__(self, temporary: Path, path: Path, limit: float) -> None:
        self._temporary, self._path, self._limit = temporary, path, limit
        self._file = temporary.open("w", encoding="utf-8")
        self._first: list[Dropped] = []
        self.counts: Counter[str] = Counter()
        """By reason."""

    def add(self, dropped: Dropped) -> None:
        """List a row."""
        self._file.write(json.dumps(asdict(dropped)) + "\n")
        self.counts[dropped.reason] += dropped.rows
        if len(self._first) < _SHOWN:
            self._first.append(dropped)

    def restore(self, counts: Mapping[str, int]) -> None:
        """Take the list of a finished packing in the place of what was added, where it is still there.

        Args:
            counts: by reason, of that packing.
        """
        self.counts = Counter(counts)
        if self._path.exists():
            self._file.close()
            shutil.copyfile(self._path, self._temporary)
            self._file = self._temporary.open("a", encoding="utf-8")

    def close(self) -> None:
        """Finish the list."""
        self._file.close()

    def refuse_all(self, rows: int) -> None:
        """Refuse to pack, where no row can be used.

        Raises:
            MultigraftError: there is nothing to pack; with the first of what was dropped, if anything was.
        """
        told = f"there is nothing to pack: the source has {rows:,} rows"
        if self._first:
            raise TooManyDropped("\n".join([f"{told}, and none can be used", *self._listed()]))
        raise MultigraftError(told)

    def check(self, rows: int) -> None:
        """Hold what was dropped against the limit.

        Args:
            rows: all that there are.

        Raises:
            TooManyDropped: with the first of it.
        """
        count = self.counts.total()
        if count <= self._limit * rows:
            return
        head = f"{count:,} of {rows:,} rows cannot be used, more than the share `--bad-limit {self._limit:g}` allows"
        raise TooManyDropped("\n".join([head, *self._listed()]))

    def _listed(self) -> Iterator[str]:
        """The first of what was dropped, and where all of it is now."""
        self._file.flush()
        shutil.copyfile(self._temporary, self._path)
        for each in self._first:
            yield f"  {legible(each.row)}: {each.reason}{each.detail and f': {legible(each.detail)}'}"
        yield f"All are in {self._path}."
