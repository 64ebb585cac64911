"""The record of bad samples: counted by shard and reason, each listed once, and a limit to their share."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from multigraft.core.atomic import writing
from multigraft.core.data.binomial import upper_tail
from multigraft.core.errors import MultigraftError

_SHOWN = 20
_FIRST_TEST = 200
"""Draws at which the limit is tested first; then whenever they have doubled."""
_RARE = 0.001
"""Chance, where as many samples are bad as the limit allows, at which so many bad draws stop a run."""


class TooManyBadSamples(MultigraftError):  # noqa: N818 - the project's name for it
    """More of the samples drawn are bad than the recipe's limit explains."""


@dataclass(frozen=True)
class Skipped:
    """A line of `skipped.jsonl`. `key` or `annotation` are empty where the trouble is with all of them; an annotation
    whose id cannot be read is called by its place, such as `annotations.0`."""

    shard: str
    key: str
    annotation: str
    reason: str
    detail: str = ""
    count: int = 1
    """How many samples or annotations the line stands for."""


@dataclass(frozen=True)
class Lacking:
    """A task that gave nothing but bad samples, so that the run cannot go on."""

    task: str
    bad: tuple[Skipped, ...]
    """Those drawn in a row."""


Found = Skipped | Lacking
Gather = Callable[[Sequence[Found]], Sequence[Found]]
"""The rows of all processes, from those of this one; called by all at once."""


class SkippedLog:
    """Collects bad samples of a run; safe to use from several threads.

    Args:
        path: `skipped.jsonl`, appended to; lines that are there (of a run that is resumed) are not listed again.
            None keeps the record in memory. Of several processes one writes the file.
        limit: share of bad samples in the data that a run bears.
        gather: brings the rows of several processes together; left out where there is one.
    """

    def __init__(self, path: Path | None, limit: float, gather: Gather | None = None) -> None:
        self._path, self._limit, self._gather = path, limit, gather
        self._lock = threading.Lock()
        self._listed: dict[tuple[str, str, str, str], Skipped] = {}
        self._noted: list[Skipped] = []
        self._unlisted: Counter[tuple[str, str]] = Counter()
        """Those met one by one that a line for the rest of a reason stands for."""
        self.counts: Counter[tuple[str, str]] = Counter()
        """Different bad samples by (shard, reason)."""
        self.drawn = 0
        """Samples drawn for training by all processes and consumed, bad ones and their replacements included."""
        self.bad = 0
        """Bad ones among them."""
        if path is not None and path.exists():
            self._read_again(path)

    @property
    def listed(self) -> tuple[Skipped, ...]:
        """Every bad sample once, in the order met."""
        return tuple(self._listed.values())

    def facts(self) -> dict[str, object]:
        """What `results.json` says of the data: draws, bad draws, and different bad samples by reason."""
        problems: Counter[str] = Counter()
        for (_, reason), count in self.counts.items():
            problems[reason] += count
        return {"drawn": self.drawn, "bad": self.bad, "problems": dict(sorted(problems.items()))}

    def take(self, good: int, bad: Sequence[Skipped], lacking: Lacking | None = None) -> None:
        """Count samples drawn for training, and list the bad ones; over several processes all call it for each step.

        Args:
            good: samples of the global batch.
            bad: those that this process found bad and replaced.
            lacking: the task of which this process found no good one.

        Raises:
            TooManyBadSamples: in every process: a test of the limit was due, and there are too many, or a task lacks
                good ones in some process.
        """
        found: list[Found] = [*bad, *([lacking] if lacking else [])]
        everyones, lacks = _apart(self._gather(found) if self._gather else found)
        if lacks:
            self._add([*everyones, *(each for lacking in lacks for each in lacking.bad)])
            raise self._refusal(lacks[0])
        before, self.drawn = self.drawn, self.drawn + good + len(everyones)
        self.bad += len(everyones)
        self._add(everyones)
        if (self._limit == 0 or _tests_up_to(before) < _tests_up_to(self.drawn)) and self._too_many():
            raise self.error()

    def note(self, entry: Skipped) -> None:
        """List what evaluation left out or an index found, outside the limit."""
        if self._gather:
            self._noted.append(entry)
        self._add([entry])

    def exchange(self) -> None:
        """Bring together what the processes have noted; called by all at once."""
        if self._gather:
            noted, self._noted = self._noted, []
            self._add(_apart(self._gather(noted))[0])

    def restore(self, drawn: int, bad: int) -> None:
        """Go on with the counts of a checkpoint."""
        self.drawn, self.bad = drawn, bad

    def finish(self) -> None:
        """Test the limit at the end of a run, however few samples were drawn.

        Raises:
            TooManyBadSamples: there are too many.
        """
        if self._too_many():
            raise self.error()

    def error(self) -> TooManyBadSamples:
        """The error that stops a run, with the list."""
        head = (
            f"{self.bad} of {self.drawn} samples are bad, more than the share `data.bad_limit: {self._limit:g}` allows"
        )
        tested = (
            f"Tested after {self.drawn} draws: were that share of the data bad, fewer than 1 of {1 / _RARE:,.0f} runs "
            "would draw so many."
        )
        where = [f"All are in {self._path}."] if self._path else []
        return TooManyBadSamples("\n".join([head, tested, *_lines(self.listed), *where, _ADVICE]))

    def _refusal(self, lacking: Lacking) -> TooManyBadSamples:
        bad = lacking.bad
        head = f"task {lacking.task!r}: {len(bad)} samples drawn in a row are all bad, so none was left to train on"
        where = [f"All are in {self._path}."] if self._path else []
        return TooManyBadSamples("\n".join([head, *_lines(dict.fromkeys(bad)), *where, "Mend the data."]))

    def _too_many(self) -> bool:
        return self.bad > 0 and upper_tail(self.bad, self.drawn, self._limit) < _RARE

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
        self.counts[entry.shard, entry.reason] += entry.count - self._counted(entry)
        return True

    def _counted(self, entry: Skipped) -> int:
        """How many of those that a line stands for were counted with the line for the rest of their reason."""
        at = entry.shard, entry.reason
        rest = self._listed.get((entry.shard, "", "", entry.reason))
        if rest is None or rest is entry:
            return 0
        known = min(entry.count, rest.count - self._unlisted[at])
        self._unlisted[at] += known
        return known

    def _add(self, entries: Sequence[Skipped]) -> None:
        with self._lock:
            for entry in entries:
                if self._remember(entry):
                    self._append(json.dumps(asdict(entry), ensure_ascii=False) + "\n")


_ADVICE = "Mend the data or raise the limit."


def _apart(found: Sequence[Found]) -> tuple[list[Skipped], list[Lacking]]:
    """Bad samples, and tasks that lack good ones."""
    return [each for each in found if isinstance(each, Skipped)], [each for each in found if isinstance(each, Lacking)]


def _tests_up_to(drawn: int) -> int:
    """How many tests of the limit are due among the first `drawn` draws: at 200, 400, 800, ..."""
    return (drawn // _FIRST_TEST).bit_length()


def _lines(entries: "Sequence[Skipped] | dict[Skipped, None]") -> list[str]:
    lines = [f"  {entry.shard}#{entry.key} {entry.annotation} {entry.reason}: {entry.detail}" for entry in entries]
    return lines[:_SHOWN] + ([f"  ... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])
