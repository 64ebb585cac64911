"""One training of a benchmark: a row with a rate and a seed, what its recipe says, and the file that keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multigraft import MultigraftError, Recipe, Registry, load_recipe
from multigraft.plugins.quickstart.bench.method_table import Row

VALIDATION, TEST = "validation", "test"
"""The splits that rates are chosen on and that scores are of."""
FACTS = ("row", "seed", "rate", "steps", "split")
"""Keys that the file of a piece has, whatever became of it."""
SEARCH = "search"
"""Folder of the trials."""
_TRIAL_STEPS, _TRIAL_SAMPLES = 4, 2
"""A trial has this part of the steps, and of the samples."""
_NOTHING = 1e-30
"""A training has one step at least; at this rate it moves no number."""


@dataclass(frozen=True)
class Budget:
    """The same for every row."""

    steps: int
    samples: int
    """Of each task that are scored."""

    @property
    def trial(self) -> "Budget":
        """That of a trial."""
        return Budget(max(1, self.steps // _TRIAL_STEPS), max(1, self.samples // _TRIAL_SAMPLES))


@dataclass(frozen=True)
class Bench:
    """What all pieces have in common."""

    recipe: str
    """A file or the name of a shipped one."""
    overrides: tuple[str, ...]
    budget: Budget
    folder: Path
    registry: Registry

    def read(self, overrides: Sequence[str]) -> Recipe:
        """The recipe with some more overrides.

        Raises:
            RecipeError: with every problem in it.
        """
        return load_recipe(self.recipe, [*self.overrides, *overrides], self.registry)

    def require_splits(self) -> None:
        """Refuse a recipe that cannot be scored on data of their own.

        Raises:
            MultigraftError: a task lacks a split.
        """
        for name, task in self.read(()).tasks.items():
            for split in (VALIDATION, TEST):
                if split not in task.data:
                    raise MultigraftError(
                        f"task {name!r} of {self.recipe} has no split {split!r}: rates are chosen on {VALIDATION}, "
                        f"and scores are of {TEST}"
                    )

    def trials(self, row: Row) -> list["Piece"]:
        """Short trainings, one a rate; none where there is nothing to choose."""
        rates = row.rates if row.trained and len(row.rates) > 1 else ()
        return [Piece(self, row, rate, 0, VALIDATION, self.budget.trial) for rate in rates]

    def final(self, row: Row, rate: float, seed: int) -> "Piece":
        """The training that is scored on the test split."""
        return Piece(self, row, rate if row.trained else 0.0, seed, TEST, self.budget)


@dataclass(frozen=True)
class Piece:
    """One training."""

    bench: Bench
    row: Row
    rate: float
    seed: int
    split: str
    budget: Budget

    @property
    def file(self) -> Path:
        """What is kept of it."""
        if self.split == VALIDATION:
            return self.bench.folder / SEARCH / f"{self.row.name}-{self.rate:g}.json"
        return self.bench.folder / f"{self.row.name}-{self.seed}.json"

    def __str__(self) -> str:
        return f"{self.row.name}, " + (f"rate {self.rate:g}" if self.split == VALIDATION else f"seed {self.seed}")

    @property
    def steps(self) -> int:
        """Steps that move something."""
        return self.budget.steps if self.row.trained else 0

    def recipe(self) -> Recipe:
        """What is trained.

        Raises:
            RecipeError: with every problem in it.
        """
        steps = self.steps or 1
        return self.bench.read(
            [
                *self.row.overrides,
                f"train.steps={steps}",
                f"train.checkpoint_every={steps}",
                f"train.optimizer.rate={self.rate or _NOTHING:e}",
                f"train.seed={self.seed}",
                "eval.split=none",
                f"eval.every={steps}",
                f"eval.final_split={self.split}",
                f"eval.final_limit={self.budget.samples}",
                "eval.controls=[]",
            ]
        )

    def facts(self) -> dict[str, Any]:
        """What its file says first."""
        return dict(zip(FACTS, (self.row.name, self.seed, self.rate, self.steps, self.split), strict=True))

    def made_with(self) -> dict[str, Any]:
        """The keys of the recipe that are written, but for where the data lie and for the rate, which is searched."""
        recipe = self.recipe()
        written = recipe.model_dump(mode="json", exclude_unset=True)
        del written["train"]["optimizer"]["rate"]
        written.get("data", {}).pop("root", None)
        return written
