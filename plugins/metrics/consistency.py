"""Consistency of NLVR2 (Suhr et al. 2019, section 5): sentences judged rightly on all their pictures."""

from typing import Any

from multigraft.core.interfaces.metric import Metric, Prediction
from multigraft.plugins.metrics.exact_match import ExactMatch
from multigraft.plugins.metrics.options import ConsistencyOptions


class Consistency(Metric):
    """Share of unique sentences whose every row is right."""

    def __init__(self) -> None:
        self._right = ExactMatch()
        self._rows_of: dict[str, list[bool]] = {}

    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""
        self._rows_of.setdefault(prediction.text, []).append(self._right.score(prediction) == 1)

    def compute(self) -> dict[str, float]:
        """The share under `consistency`."""
        if not self._rows_of:
            return {}
        return {"consistency": sum(all(rows) for rows in self._rows_of.values()) / len(self._rows_of)}

    def facts(self) -> dict[str, Any]:
        """Number of unique sentences."""
        return {"sentences": len(self._rows_of)}


def build(options: ConsistencyOptions) -> Consistency:
    """Consistency."""
    return Consistency()
