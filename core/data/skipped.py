"""The record of bad samples: counted by shard and reason, each listed once, and a limit to their share."""

import json
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from multigraft.core.errors import MultigraftError
from multigraft.core.files import writing

_SHOWN = 20


class TooManyBadSamples(MultigraftError):  # noqa: N818 - the project's name for it
    """The share of bad samples is over the recipe's limit."""


@dataclass(frozen=True)
class Skipped:
    """A line of `skipped.jsonl`. `key` or `annotation` are empty where the trouble is with all of them."""

    shard: str
    key: str
    annotation: str
    reason: str
    detail: str = ""
    count: int = 1
    """How many samples or annotations the line stands for."""


class SkippedLog:
    """Collects bad samples of a run; safe to use from several threads, and several processes may share the file.

    Args:
        path: `skipped.jsonl`, appended to; lines that are there (of a run that is resumed) are not listed again.
            None keeps the record in memory.
        limit: share of bad samples among those drawn for training at which the run stops.
        least: samples that must have been drawn before the limit counts.
    """

    def __init__(self, path: Path | None, limit: float, least: int = 200) -> None:
        self._path, self._limit, self._least = path, limit, least
        self._lock = threading.Lock()
        self._listed: dict[tuple[str, str, str, str], Skipped] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        """Different bad samples by (shard, reason)."""
        self.drawn = 0
        """Samples drawn for training, bad ones and their replacements included."""
        self.bad = 0
        """Bad ones among them."""
        if path is not None and path.exists():
            self._read_again(path)

    @property
    def listed(self) -> tuple[Skipped, ...]:
        """Every bad sample once, in the order met."""
        return tuple(self._listed.values())

    def good(self) -> None:
        """Count a sample drawn for training that was well."""
        with self._lock:
            self.drawn += 1

    def replaced(self, entry: Skipped) -> None:
        """Count and list a bad sample that training replaces.

        Raises:
            TooManyBadSamples: the share of bad samples is over the limit.
        """
        with self._lock:
            self.drawn += 1
            self.bad += 1
            self._add(entry)
            over = self.drawn >= self._least and self._over()
        if over:
            raise self.error()

    def note(self, entry: Skipped) -> None:
        """List what evaluation left out or an index found, outside the limit."""
        with self._lock:
            self._add(entry)

    def finish(self) -> None:
        """Hold the share against the limit at the end of a run, however few samples were drawn.

        Raises:
            TooManyBadSamples: it is over the limit.
        """
        if self._over():
            raise self.error()

    def error(self) -> TooManyBadSamples:
        """The error that stops a run, with the list."""
        head = (
            f"{self.bad} of {self.drawn} samples are bad, more than the share `data.bad_limit: {self._limit:g}` allows"
        )
        lines = [
            f"  {entry.shard}#{entry.key} {entry.annotation} {entry.reason}: {entry.detail}" for entry in self.listed
        ]
        more = [f"  ... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        where = [f"All are in {self._path}."] if self._path else []
        return TooManyBadSamples("\n".join([head, *lines[:_SHOWN], *more, *where, "Mend the data or raise the limit."]))

    def _over(self) -> bool:
        return self.drawn > 0 and self.bad / self.drawn > self._limit

    def _read_again(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        for line in text.splitlines():
            try:
                self._remember(Skipped(**json.loads(line)))
            except (ValueError, TypeError):  # a line cut short by a crash
                continue
        if text and not text.endswith("\n"):
            self._append("\n")

    def _append(self, text: str) -> None:
        if self._path is not None:
            with writing(self._path), self._path.open("ab", buffering=0) as file:
                file.write(text.encode("utf-8", "replace"))

    def _remember(self, entry: Skipped) -> bool:
        name = (entry.shard, entry.key, entry.annotation, entry.reason)
        if name in self._listed:
            return False
        self._listed[name] = entry
        self.counts[entry.shard, entry.reason] += entry.count
        return True

    def _add(self, entry: Skipped) -> None:
        if self._remember(entry):
            self._append(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
