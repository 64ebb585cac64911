"""The recipes of a search's arms: the recipe with a value of each choice put in."""

import json
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.recipe.loading import validate
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.search_section import Choice, SearchSection
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.registry import Registry

_FEW = 32
"""Combinations of which all are made before the first step."""


def search_section(recipe: Recipe) -> SearchSection:
    """What is searched.

    Raises:
        MultigraftError: nothing.
    """
    if recipe.search is None:
        raise MultigraftError("this recipe has no `search` section, which says what there is to choose")
    return recipe.search


class ArmRecipes:
    """The recipe with the values of a draw, and without a search, for any draw.

    Args:
        folder: that the recipe lies in, beside which its checks look for files.
    """

    def __init__(self, recipe: Recipe, registry: Registry, folder: Path = Path()) -> None:
        self._choices, self._registry = search_section(recipe).choices.values(), registry
        bare = recipe.model_copy(update={"search": None})
        self.base = RecipeFile(folder / "search.choices", text=dump_recipe(bare))

    def written(self, arms: Arms) -> RecipeFile:
        """As a recipe of its own would be written.

        Raises:
            RecipeError: a key is in no list of the recipe.
        """
        taken = zip(self._choices, arms, strict=True)
        return self.base.overridden(
            [f"{key}={json.dumps(choice.values[arm])}" for choice, arm in taken for key in choice.keys]
        )

    def of(self, arms: Arms) -> Recipe:
        """As it is loaded.

        Raises:
            RecipeError: the values make no recipe.
        """
        return validate(self.written(arms), self._registry)


def for_training(recipe: Recipe, arm: Recipe, steps: int) -> Recipe:
    """An arm's recipe as it is trained in a search: so many steps at the recipe's rate, all tasks, no stages."""
    optimizer = recipe.train.optimizer.model_copy(update={"schedule": "constant", "warmup": 0.0})
    train: dict[str, Any] = {"stages": [], "epochs": None, "steps": steps, "optimizer": optimizer}
    changed: dict[str, Any] = {"train": arm.train.model_copy(update=train)}
    if search_section(recipe).trains == "backbone":
        whole = arm.graft.train.model_copy(update={"norms": False, "biases": False, "backbone": True})
        changed["graft"] = arm.graft.model_copy(update={"adapters": [], "train": whole})
    return arm.model_copy(update=changed)


def arms_to_try(search: SearchSection) -> Iterator[Arms]:
    """All combinations where they are few; else draws in which every value of every choice comes once at least."""
    sizes = [len(choice.values) for choice in search.choices.values()]
    if prod(sizes) <= _FEW:
        yield from product(*map(range, sizes))
        return
    yield (0,) * len(sizes)
    for choice, size in enumerate(sizes):
        for arm in range(1, size):
            yield tuple(arm if at == choice else 0 for at in range(len(sizes)))


def scored_tasks(recipe: Recipe, choice: Choice) -> list[str]:
    """The tasks whose scores count for a choice."""
    if choice.tasks is not None:
        return list(choice.tasks)
    reading = {name for key in choice.keys for name in readers(recipe, key)}
    return [name for name in recipe.tasks if name in reading]


def all_scored(recipe: Recipe) -> list[str]:
    """The tasks whose scores count for some choice, in the recipe's order."""
    scored = {name for choice in search_section(recipe).choices.values() for name in scored_tasks(recipe, choice)}
    return [name for name in recipe.tasks if name in scored]


def readers(recipe: Recipe, key: str) -> list[str]:
    """The tasks for which the value of a key is more than what others learn by it."""
    path = key.split(".")
    if path[0] == "tasks":
        return [path[1]]
    if path[:2] == ["trunk", "prompt"]:
        return [name for name in recipe.tasks if not _has_own_prompt(recipe, name)]
    return list(recipe.tasks)


def _has_own_prompt(recipe: Recipe, task: str) -> bool:
    """Whether the common prompt joins a task in no draw."""
    for choice in search_section(recipe).choices.values():
        if f"tasks.{task}.prompt" in choice.keys:
            return None not in choice.values
    return recipe.tasks[task].prompt is not None


def written(search: SearchSection, arms: Arms) -> str:
    """The values of a draw, as people read them: `graft.adapters.0.width: 4, tasks.vqa.prompt.layer: 2`."""
    taken = zip(search.choices.values(), arms, strict=True)
    return ", ".join(f"{choice.keys[0]}: {json.dumps(choice.values[arm])}" for choice, arm in taken)
