"""How many of the texts that were trained on were cut by a limit, by task: `results.json` has it under `cut`."""

from collections.abc import Sequence

from multigraft.core.data.cutting import CUT_KINDS
from multigraft.core.types.row import Row

_COLUMNS = ("n", "any", *CUT_KINDS)


class CutCounts:
    """Counts rows into `{TASK: {"n": rows, "any": k, "context": k, ...}}`, those of all processes together."""

    def __init__(self, counts: dict[str, dict[str, int]], tasks: Sequence[str]) -> None:
        self.counts = counts
        self._names = [f"{task}/{column}" for task in tasks for column in _COLUMNS]

    def of(self, rows: Sequence[Row]) -> list[float]:
        """The counts of some rows, number by number."""
        own = dict.fromkeys(self._names, 0.0)
        for row in rows:
            for column in ("n", *(["any", *row.cut] if row.cut else [])):
                own[f"{row.task}/{column}"] += 1
        return list(own.values())

    def add(self, counted: Sequence[float]) -> None:
        """Take what `of` gave, of all processes together."""
        for name, number in zip(self._names, counted, strict=True):
            task, _, column = name.rpartition("/")
            if column == "n" and number == 0:
                continue
            if task in self.counts or number:
                self.counts.setdefault(task, dict.fromkeys(_COLUMNS, 0))[column] += round(number)
