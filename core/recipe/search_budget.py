"""What a search may cost.

The unit is a sample that goes forward through the trunk. A sample that is trained costs 2, since the backward pass
through a frozen trunk is as long as the forward one, and 3 where the whole backbone is trained; one that is scored
costs 1.
"""

from dataclasses import dataclass

from multigraft.core.errors import OptionError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import search_section

_FORWARD, _FROZEN, _WHOLE = 1, 2, 3


@dataclass(frozen=True)
class Budget:
    """Steps of a search, and what they cost."""

    steps: int
    batch: int
    """Samples in a batch that is scored."""
    share: float
    """Cost of the search by that of the training."""
    training: int
    """Steps of the training."""

    def share_by_clock(self, step: float, score: float) -> float:
        """The search by the training in time, of seconds that steps and scores of the search took."""
        return (step + score) / max(step, 1e-9) * self.steps / self.training


def budget_of(recipe: Recipe, training: int) -> Budget:
    """The budget of a recipe's search.

    Args:
        training: steps of the training that it serves.

    Raises:
        OptionError: not one step fits in, or as many as are asked for do not.
    """
    search, train = search_section(recipe), recipe.train
    batch = search.batch or max(1, train.batch // 2)
    trained = _WHOLE if recipe.graft.train.backbone else _FROZEN
    in_search = _WHOLE if search.trains == "backbone" else trained
    in_step = train.sampler.largest_batch(list(recipe.tasks), train.batch)
    step = in_search * in_step + _FORWARD * search.strategy.draws * batch
    whole = trained * in_step * training
    most = int(search.share * whole / step)
    if most < 1:
        raise OptionError(
            ("search", "share"),
            f"`search.share: {search.share}` of {training:,} steps of training is less than one step of the search, "
            f"which trains {in_step} samples and scores {search.strategy.draws} times {batch}",
            "train longer, or score less",
        )
    steps = most if search.steps is None else search.steps
    if steps > most:
        raise OptionError(
            ("search", "steps"), f"`search.share: {search.share}` allows {most:,} steps, and not {steps:,}"
        )
    return Budget(steps, batch, steps * step / whole, training)
