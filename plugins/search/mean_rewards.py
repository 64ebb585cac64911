"""Mean rewards of the values of each choice."""

from collections.abc import Sequence
from typing import Any

from multigraft import ScoredDraw


class MeanRewards:
    """Sums and numbers of the rewards of each value of each choice."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sums = [[0.0] * size for size in sizes]
        self._counts = [[0] * size for size in sizes]

    def learn(self, draws: Sequence[ScoredDraw], rewards: Sequence[Sequence[float | None]]) -> None:
        """Add the rewards of draws."""
        for draw, own in zip(draws, rewards, strict=True):
            for choice, (arm, reward) in enumerate(zip(draw.arms, own, strict=True)):
                if reward is not None:
                    self._sums[choice][arm] += reward
                    self._counts[choice][arm] += 1

    def means(self) -> list[list[float | None]]:
        """The mean of each value; None for one without rewards."""
        return [
            [total / count if count else None for total, count in zip(sums, counts, strict=True)]
            for sums, counts in zip(self._sums, self._counts, strict=True)
        ]

    def state(self) -> dict[str, Any]:
        """Sums and numbers."""
        return {"sums": self._sums, "counts": self._counts}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        self._sums, self._counts = state["sums"], state["counts"]
