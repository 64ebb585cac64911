"""Numbers that were met, and how they are spread."""

from array import array
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SHARES = {"least": 0.0, "p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "most": 1.0}
"""Names of the quantiles that are told."""


class Spread:
    """A collection of numbers."""

    def __init__(self) -> None:
        self._numbers = array("d")

    def add(self, *numbers: float) -> None:
        """Take some more."""
        self._numbers.extend(numbers)

    def extend(self, numbers: Iterable[float]) -> None:
        """Take many more."""
        self._numbers.extend(numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def values(self) -> NDArray[np.float64]:
        """All of them."""
        return np.array(self._numbers, np.float64)

    def quantiles(self) -> dict[str, float]:
        """How many there are, their mean, and their quantiles: numbers that were met, the lower of two; nothing of
        none."""
        if not self._numbers:
            return {}
        values = self.values
        found = np.quantile(values, list(SHARES.values()), method="lower").tolist()
        told = {"n": len(values), "mean": float(values.mean()), **dict(zip(SHARES, found, strict=True))}
        return {name: int(value) if float(value).is_integer() else round(value, 3) for name, value in told.items()}
