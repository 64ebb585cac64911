"""SearchStrategy: which arms of a search are trained and scored, and which one is best.

A component's `build(options, sizes: Sequence[int], steps: int, seed: int) -> SearchStrategy`; `sizes` are the numbers
of values of the choices, in the recipe's order. A draw takes a value of each choice. For each step the engine asks for
`trained` and `begins_anew`, trains these values, asks for `scored`, scores these draws, and calls `learn`. What a
strategy draws is a function of (seed, step) and of its `state`, so that a search that was stopped goes on as if it had
not been.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Arms = tuple[int, ...]
"""The number of the value taken, for each choice."""


@dataclass(frozen=True)
class ScoredDraw:
    """Values that are scored."""

    arms: Arms
    batch: int
    """Which batch of the search split they are scored on, counted over all its epochs; any may be asked for again."""


class SearchStrategy(ABC):
    """Spends a search's steps and scored batches on arms."""

    @abstractmethod
    def trained(self, step: int) -> Arms:
        """The values with which step `step` (counted from 0) trains."""

    def begins_anew(self, step: int) -> bool:
        """Whether what is trained goes back to its start before a step."""
        return False

    @abstractmethod
    def scored(self, step: int) -> Sequence[ScoredDraw]:
        """What is scored after a step. All steps together may have `steps * options.draws` of them."""

    @abstractmethod
    def learn(self, draws: Sequence[ScoredDraw], rewards: Sequence[Sequence[float | None]]) -> None:
        """Take the rewards of what `scored` gave.

        Args:
            rewards: of each draw, in percent, by choice; None where the batch has no sample of a task that the choice
                is scored by.
        """

    @abstractmethod
    def preferences(self) -> Sequence[Sequence[float | None]]:
        """How good each value of each choice looks so far, more is better; None for one that was never scored."""

    def best(self) -> Arms:
        """The value of each choice that looks best; the first of those that look alike."""
        return tuple(_largest(values) for values in self.preferences())

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What was learnt, as plain JSON values."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""


def _largest(values: Sequence[float | None]) -> int:
    known = [number for number, value in enumerate(values) if value is not None]
    return max(known, key=lambda number: (values[number], -number), default=0)
