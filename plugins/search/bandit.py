"""`bandit`: the insertion search of Dynamic Visual Prompting (Huang et al. 2023, KAB-APP).

Each choice has preferences H, zero at first. After each step of training n values are drawn from softmax(H) and scored
on one batch; for each of them `H_k += rate * (R - mean of the n rewards) * pi_k * (1 - pi_k)`, where pi = softmax(H) is
that before the step. Only drawn values move, one that is drawn twice moves twice. (The gradient bandit of Sutton and
Barto has another rule.)
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigraft import ScoredDraw, SearchStrategy
from multigraft.plugins.search.options import BanditOptions


class Bandit(SearchStrategy):
    """Preferences of each choice, apart from those of the others."""

    def __init__(self, options: BanditOptions, sizes: Sequence[int], seed: int) -> None:
        self._options, self._seed = options, seed
        self._held = [np.zeros(size) for size in sizes]

    def trained(self, step: int) -> tuple[int, ...]:
        """Drawn evenly, or by the preferences."""
        evenly = self._options.training == "uniform"
        weights = [np.ones(len(own)) if evenly else softmax(own) for own in self._held]
        return self._drawn("train", step, weights, 1)[0]

    def scored(self, step: int) -> Sequence[ScoredDraw]:
        """Drawn by the preferences, and scored on one batch."""
        drawn = self._drawn("score", step, [softmax(own) for own in self._held], self._options.draws)
        return [ScoredDraw(arms, step) for arms in drawn]

    def _drawn(self, what: str, step: int, weights: Sequence[NDArray[np.float64]], count: int) -> list[tuple[int, ...]]:
        drawn = [
            random.Random(f"{self._seed}/{what}/{step}/{choice}").choices(range(len(own)), own.tolist(), k=count)
            for choice, own in enumerate(weights)
        ]
        return list(zip(*drawn, strict=True))

    def learn(self, draws: Sequence[ScoredDraw], rewards: Sequence[Sequence[float | None]]) -> None:
        """Move the preferences of what was drawn."""
        for choice, held in enumerate(self._held):
            told = [(draw.arms[choice], own[choice]) for draw, own in zip(draws, rewards, strict=True)]
            self._held[choice] = moved(held, [(arm, own) for arm, own in told if own is not None], self._options.rate)

    def preferences(self) -> Sequence[Sequence[float | None]]:
        """H."""
        return [held.tolist() for held in self._held]

    def state(self) -> dict[str, Any]:
        """The preferences."""
        return {"preferences": [held.tolist() for held in self._held]}

    def restore(self, state: dict[str, Any]) -> None:
        """The preferences."""
        self._held = [np.asarray(held, dtype=np.float64) for held in state["preferences"]]


def moved(held: NDArray[np.float64], rewards: Sequence[tuple[int, float]], rate: float) -> NDArray[np.float64]:
    """Preferences after a step.

    Args:
        rewards: values that were drawn, each with its reward in percent.
    """
    shares, after = softmax(held), held.copy()
    baseline = float(np.mean([reward for _, reward in rewards])) if rewards else 0.0
    for arm, reward in rewards:
        after[arm] += rate * (reward - baseline) * shares[arm] * (1 - shares[arm])
    return after


def softmax(held: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely each value is drawn."""
    raised = np.exp(held - held.max())
    shares: NDArray[np.float64] = raised / raised.sum()
    return shares


def build(options: BanditOptions, sizes: Sequence[int], steps: int, seed: int) -> Bandit:
    """The strategy of a recipe."""
    return Bandit(options, sizes, seed)
