"""`sweep`: every combination of values is trained alone, for an equal share of the steps, then scored.

Each begins from the start and is scored on the same batches, as many as its steps pay for.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

from multigraft import OptionError, ScoredDraw, SearchStrategy
from multigraft.plugins.search.mean_rewards import MeanRewards
from multigraft.plugins.search.options import SweepOptions


class Sweep(SearchStrategy):
    """One combination after the other.

    Args:
        steps: of all combinations together; where they cannot be shared out evenly, the last ones have one less.
    """

    def __init__(self, draws: int, sizes: Sequence[int], steps: int) -> None:
        self._combinations: list[tuple[int, ...]] = list(product(*map(range, sizes)))
        count = len(self._combinations)
        self._starts = [-(-number * steps // count) for number in range(count + 1)]
        self._draws = draws * (steps // count)
        self._rewards, self._joint = MeanRewards(sizes), MeanRewards([count])

    def trained(self, step: int) -> tuple[int, ...]:
        """The combination whose turn it is."""
        return self._combinations[self._number(step)]

    def begins_anew(self, step: int) -> bool:
        """Before the first step of each combination."""
        return step in self._starts[:-1]

    def scored(self, step: int) -> Sequence[ScoredDraw]:
        """All batches of a combination behind its last step."""
        if step + 1 not in self._starts[1:]:
            return []
        return [ScoredDraw(self.trained(step), batch) for batch in range(self._draws)]

    def _number(self, step: int) -> int:
        return max(number for number, start in enumerate(self._starts[:-1]) if start <= step)

    def learn(self, draws: Sequence[ScoredDraw], rewards: Sequence[Sequence[float | None]]) -> None:
        """Add them up, by value and by combination."""
        self._rewards.learn(draws, rewards)
        for draw, own in zip(draws, rewards, strict=True):
            known = [reward for reward in own if reward is not None]
            whole = sum(known) / len(known) if known else None
            self._joint.learn([ScoredDraw((self._combinations.index(draw.arms),), draw.batch)], [(whole,)])

    def preferences(self) -> Sequence[Sequence[float | None]]:
        """Mean rewards of each value, over the combinations that have it."""
        return self._rewards.means()

    def best(self) -> tuple[int, ...]:
        """The combination of the highest mean reward."""
        means = self._joint.means()[0]
        known = [number for number, mean in enumerate(means) if mean is not None]
        return self._combinations[max(known, key=lambda number: (means[number], -number), default=0)]

    def state(self) -> dict[str, Any]:
        """Sums and numbers of rewards."""
        return {"rewards": self._rewards.state(), "joint": self._joint.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Sums and numbers of rewards."""
        self._rewards.restore(state["rewards"])
        self._joint.restore(state["joint"])


def build(options: SweepOptions, sizes: Sequence[int], steps: int, seed: int) -> Sweep:
    """The strategy of a recipe.

    Raises:
        OptionError: there are fewer steps than combinations.
    """
    count = len(list(product(*map(range, sizes))))
    if steps < count:
        message = f"a sweep over {count} combinations needs as many steps at least, and the search has {steps}"
        raise OptionError((), message, "take another strategy, fewer values, or a longer training")
    return Sweep(options.draws, sizes, steps)
