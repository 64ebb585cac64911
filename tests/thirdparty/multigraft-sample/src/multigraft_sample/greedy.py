"""`greedy`: the best value so far, or now and then any other."""

import random
from collections.abc import Sequence
from typing import Any

from multigraft import ScoredDraw, SearchStrategy
from multigraft_sample.options import GreedyOptions


class Greedy(SearchStrategy):
    """Mean rewards of each value of each choice."""

    def __init__(self, options: GreedyOptions, sizes: Sequence[int], seed: int) -> None:
        self.options, self.seed = options, seed
        self.rewards: list[list[list[float]]] = [[[] for _ in range(size)] for size in sizes]

    def trained(self, step: int) -> tuple[int, ...]:
        """The best of each choice, or any."""
        return self._drawn(f"train/{step}")

    def scored(self, step: int) -> Sequence[ScoredDraw]:
        """The same for each of the draws, on one batch."""
        return [ScoredDraw(self._drawn(f"score/{step}/{draw}"), step) for draw in range(self.options.draws)]

    def _drawn(self, what: str) -> tuple[int, ...]:
        draw, best = random.Random(f"{self.seed}/{what}"), self.best()
        explores = [draw.random() < self.options.explored for _ in best]
        return tuple(
            draw.randrange(len(own)) if explore else arm
            for own, arm, explore in zip(self.rewards, best, explores, strict=True)
        )

    def learn(self, draws: Sequence[ScoredDraw], rewards: Sequence[Sequence[float | None]]) -> None:
        """Keep them by value."""
        for draw, own in zip(draws, rewards, strict=True):
            for choice, reward in enumerate(own):
                if reward is not None:
                    self.rewards[choice][draw.arms[choice]].append(reward)

    def preferences(self) -> Sequence[Sequence[float | None]]:
        """Mean rewards."""
        return [[sum(each) / len(each) if each else None for each in own] for own in self.rewards]

    def state(self) -> dict[str, Any]:
        """All rewards."""
        return {"rewards": self.rewards}

    def restore(self, state: dict[str, Any]) -> None:
        """All rewards."""
        self.rewards = state["rewards"]


def build(options: GreedyOptions, sizes: Sequence[int], steps: int, seed: int) -> Greedy:
    """The strategy of a recipe."""
    return Greedy(options, sizes, seed)
