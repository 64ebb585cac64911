"""How many of the texts that were trained on were cut by a limit, by task: `results.json` has it under `cut`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from multigraft.core.data.cutting import CUT_KINDS
from multigraft.core.training.reduce import reduce_sums
from multigraft.core.types.batch import Batch

if TYPE_CHECKING:
    from accelerate import Accelerator

_COLUMNS = ("n", "any", *CUT_KINDS)


class CutCounts:
    """Counts rows into `{TASK: {"n": rows, "any": k, "context": k, ...}}`, those of all processes together."""

    def __init__(self, counts: dict[str, dict[str, int]], tasks: Sequence[str]) -> None:
        self.counts = counts
        self._names = [f"{task}/{column}" for task in tasks for column in _COLUMNS]

    def add(self, batches: Sequence[Batch], accelerator: "Accelerator") -> None:
        """Count the rows of a step; every process calls it in every step."""
        own: dict[str, float] = {}
        for batch in batches:
            for sample, cut in zip(batch.samples, batch.cut, strict=True):
                for column in ("n", *(["any", *cut] if cut else [])):
                    name = f"{sample.task}/{column}"
                    own[name] = own.get(name, 0) + 1
        for name, number in reduce_sums(own, self._names, accelerator).items():
            task, _, column = name.rpartition("/")
            row = self.counts.setdefault(task, dict.fromkeys(_COLUMNS, 0))
            row[column] += round(number)
