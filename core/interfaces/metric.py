"""Metric: predictions and references to scores.

A component's `build(options) -> Metric`. Scores are fractions (0 to 1), except CIDEr, which is given as pycocoevalcap
gives it. Everything a metric needs is in `Prediction`, the row of `predictions/TASK.jsonl`, so that all scores can be
computed again from that file.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from multigraft.core.types.prediction import Prediction


class Metric(ABC):
    """Collects predictions of one task, then computes one or several named scores."""

    @abstractmethod
    def update(self, prediction: Prediction) -> None:
        """Take one prediction."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Scores by name, such as `{"accuracy": 0.91}`; empty if nothing was seen."""

    def score(self, prediction: Prediction) -> float | None:
        """Score of one prediction alone in [0, 1], or None where the metric has no such thing."""
        return None

    def counts(self) -> Mapping[str, int]:
        """What a score rests on where that is not every prediction seen: `{NAME: number}`, such as unique sentences."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What a reader needs to compare the score: tokeniser, corpus size. Goes into results.json beside it."""
        return {}
