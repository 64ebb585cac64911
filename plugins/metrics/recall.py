"""Recall at k: how often something relevant is among the first k of a ranking, by the direction of retrieval."""

from collections import defaultdict
from typing import Any

from multigraft import Metric, MultigraftError, Prediction
from multigraft.plugins.metrics.options import RecallOptions
from multigraft.plugins.metrics.row_mean import mean


class Recall(Metric):
    """Share of the queries with a relevant id among their first k, as retrieval on COCO and Flickr30k counts it."""

    def __init__(self, at: tuple[int, ...]) -> None:
        self._at = at
        self._found: dict[str, list[float]] = defaultdict(list)
        self._without = 0

    def update(self, prediction: Prediction) -> None:
        """Take one query; what was not ranked is left out and counted.

        Raises:
            MultigraftError: its ranking is shorter than k, and not because there is nothing more to rank.
        """
        if not prediction.ranked:
            self._without += 1
            return
        direction = prediction.facts.get("direction", "")
        kept, candidates = len(prediction.ranked), prediction.facts.get("candidates", 0)
        if kept < min(max(self._at), candidates):
            raise MultigraftError(
                f"recall at {max(self._at)} needs rankings as long, and the evaluator keeps {kept}: raise its `keep`"
            )
        for most in self._at:
            self._found[f"recall@{most}/{direction}".rstrip("/")].append(_found(prediction, most))

    def compute(self) -> dict[str, float]:
        """One score for each k and direction."""
        return {name: mean(scores) for name, scores in self._found.items()}

    def score(self, prediction: Prediction) -> float | None:
        """Whether something relevant is among the first, 1 or 0; None where nothing was ranked."""
        return _found(prediction, min(self._at)) if prediction.ranked else None

    def counts(self) -> dict[str, int]:
        """Queries of each direction."""
        return {name: len(scores) for name, scores in self._found.items()}

    def facts(self) -> dict[str, Any]:
        """How many rows were not ranked, if any."""
        return {"without_ranking": self._without} if self._without else {}


def _found(prediction: Prediction, most: int) -> float:
    relevant = set(prediction.relevant)
    return float(any(name in relevant for name, _ in prediction.ranked[:most]))


def build(options: RecallOptions) -> Recall:
    """Recall at k."""
    return Recall(tuple(options.at))
