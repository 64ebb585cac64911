"""The steps of a search; knows nothing of files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from multigraft.core.data.stream import Drawn
from multigraft.core.errors import below
from multigraft.core.interfaces.search_strategy import ScoredDraw, SearchStrategy
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import all_scored, arms_to_try, scored_tasks, search_section
from multigraft.core.recipe.search_budget import Budget
from multigraft.core.recipe.splits import TRAIN
from multigraft.core.run.open_run import OpenRun
from multigraft.core.search.draws import SearchStep
from multigraft.core.search.rewards import batches_of, of_choices, rewards
from multigraft.core.search.search_data import CUTS, NumberedBatches, equal_shares, stream_of
from multigraft.core.training.cut_counts import CutCounts

if TYPE_CHECKING:
    from multigraft.core.search.arm_runs import ArmRuns


class Searcher:
    """Trains and scores the values that a strategy draws.

    Args:
        run: opened with some of the values.
        recipe: with the choices.
        arms: what trains and answers with values.
    """

    def __init__(self, run: OpenRun, recipe: Recipe, budget: Budget, arms: "ArmRuns") -> None:
        self.run, self.recipe, self.section = run, recipe, search_section(recipe)
        self.budget, self.arms = budget, arms
        choices = self.section.choices.values()
        self._scored_by = [scored_tasks(recipe, choice) for choice in choices]
        scored = all_scored(recipe)
        for values in arms_to_try(self.section):
            arms.of(values)
        arms.read_alike()
        self.strategy = self._strategy([len(choice.values) for choice in choices])
        self.training = stream_of(run, TRAIN, list(recipe.tasks), recipe.train.sampler, recipe.train.batch)
        held_out = stream_of(run, self.section.split, scored, equal_shares(run), self.budget.batch)
        self.batches = NumberedBatches(held_out)

    def _strategy(self, sizes: Sequence[int]) -> SearchStrategy:
        steps, seed = self.budget.steps, self.recipe.train.seed
        with below("search", "strategy"):
            built: SearchStrategy = self.run.registry.build(
                "search_strategies", self.section.strategy, sizes=tuple(sizes), steps=steps, seed=seed
            )
        return built

    def step(self, drawn: Drawn) -> SearchStep:
        """Train a draw on the samples of a step, score others, and learn from it."""
        trained = self.strategy.trained(drawn.step)
        if self.strategy.begins_anew(drawn.step):
            self.arms.begin_anew()
        arm = self.arms.of(trained)
        with self.run.times.spending("step"):
            losses = arm.trainer.step(drawn.step, arm.rows.of(drawn.samples, drawn.tasks, drawn))
        scored = list(self.strategy.scored(drawn.step))
        with self.run.times.spending(f"score/{self.section.split}"):
            by_task = self._rewards(scored)
        told = [of_choices(own, self._scored_by) for own in by_task]
        self.strategy.learn(scored, told)
        return SearchStep(drawn.step + 1, trained, losses, scored, by_task, told, self.strategy.preferences())

    def _rewards(self, scored: Sequence[ScoredDraw]) -> list[dict[str, float]]:
        """Of each draw by task; one that is there twice has the same ones."""
        found: dict[ScoredDraw, dict[str, float]] = {}
        for draw in scored:
            if draw not in found:
                found[draw] = self._reward(draw)
        return [found[draw] for draw in scored]

    def _reward(self, draw: ScoredDraw) -> dict[str, float]:
        arm = self.arms.of(draw.arms)
        batches = batches_of(arm, self.batches.of(draw.batch))
        counts = CutCounts(self.run.results.setdefault(CUTS[1], {}), list(self.recipe.tasks))
        counts.add(counts.of([row for batch in batches for row in batch.rows]))
        return rewards(arm, batches, self.section.reward)
