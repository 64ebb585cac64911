"""`round-robin`: values take turns.

In each round of training, and of scoring, every value of a choice comes once, in an order that is drawn for the choice
and the round, so that values of two choices do not always meet the same ones. The values of a round of scoring see the
same batch.
"""

import random
from collections.abc import Sequence
from typing import Any

from multigraft import ScoredDraw, SearchStrategy
from multigraft.plugins.search.mean_rewards import MeanRewards
from multigraft.plugins.search.options import RoundRobinSearchOptions


class RoundRobinSearch(SearchStrategy):
    """Even turns, and the mean reward of each value."""

    def __init__(self, draws: int, sizes: Sequence[int], seed: int) -> None:
        self._draws, self._sizes, self._seed = draws, tuple(sizes), seed
        self._rewards = MeanRewards(sizes)

    def trained(self, step: int) -> tuple[int, ...]:
        """The next of each choice."""
        return tuple(self._turn("train", step, choice) for choice in range(len(self._sizes)))

    def scored(self, step: int) -> Sequence[ScoredDraw]:
        """The next ones of each choice; a batch serves a round of the choice with most values."""
        turns = range(step * self._draws, (step + 1) * self._draws)
        return [
            ScoredDraw(
                tuple(self._turn("score", turn, choice) for choice in range(len(self._sizes))), turn // max(self._sizes)
            )
            for turn in turns
        ]

    def _turn(self, what: str, turn: int, choice: int) -> int:
        around, place = divmod(turn, self._sizes[choice])
        order = list(range(self._sizes[choice]))
        random.Random(f"{self._seed}/{what}/{choice}/{around}").shuffle(order)
        return order[place]

    def learn(self, draws: Sequence[ScoredDraw], rewards: Sequence[Sequence[float | None]]) -> None:
        """Add them up."""
        self._rewards.learn(draws, rewards)

    def preferences(self) -> Sequence[Sequence[float | None]]:
        """Mean rewards."""
        return self._rewards.means()

    def state(self) -> dict[str, Any]:
        """Sums and numbers of rewards."""
        return self._rewards.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Sums and numbers of rewards."""
        self._rewards.restore(state)


def build(options: RoundRobinSearchOptions, sizes: Sequence[int], steps: int, seed: int) -> RoundRobinSearch:
    """The strategy of a recipe."""
    return RoundRobinSearch(options.draws, sizes, seed)
