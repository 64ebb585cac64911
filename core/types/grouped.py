"""A part in a batch: one tensor where all rows have one owner, else one for each stretch of rows."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Grouped:
    """A part that has several owners in a batch: `values[i]` is that of the rows `bounds[i]` to `bounds[i + 1]`."""

    values: tuple[Tensor, ...]
    bounds: tuple[int, ...]
    """One more than there are values; they rise, from 0 to the number of rows."""

    def rebound(self, places: Mapping[int, int]) -> "Operand":
        """The same where each bound has moved to another place; values that are left without rows are dropped."""
        moved = [places[bound] for bound in self.bounds]
        kept = [number for number in range(len(self.values)) if moved[number] < moved[number + 1]]
        if len(kept) == 1:
            return self.values[kept[0]]
        return Grouped(tuple(self.values[number] for number in kept), (moved[0], *(moved[n + 1] for n in kept)))

    def at(self, row: int) -> Tensor:
        """The value of a row."""
        return next(value for value, stop in zip(self.values, self.bounds[1:], strict=True) if row < stop)


Operand = Tensor | Grouped
"""A part as an adapter that says `grouped = True` is given it."""
