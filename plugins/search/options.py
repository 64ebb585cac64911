"""Options of the search strategies."""

from typing import Literal

from pydantic import Field

from multigraft import SearchStrategyOptions


class BanditOptions(SearchStrategyOptions):
    """Preferences that move with the rewards of drawn values (Dynamic Visual Prompting, Huang et al. 2023)."""

    draws: int = Field(5, ge=2, le=10_000)
    """Batches of the search split that are scored for each step of training: two at least, as a reward is held against
    the mean of all."""
    rate: float = Field(0.005, gt=0, le=1e3)
    """Rate of the preferences, for rewards in percent."""
    training: Literal["uniform", "preferences"] = "uniform"
    """Whether the values that train are drawn evenly, or as those that are scored: by the preferences."""


class RoundRobinSearchOptions(SearchStrategyOptions):
    """Values take turns in training and in scoring; the best is the one of the highest mean reward."""


class SweepOptions(SearchStrategyOptions):
    """Each combination of values is trained alone, from the start, for its share of the steps, and then scored."""
