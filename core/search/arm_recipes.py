"""The recipes of a search's arms: the recipe with a value of each choice put in."""

import json
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.recipe.loading import validate
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.recipe_file import RecipeFile
from multigraft.core.recipe.search_section import Choice, SearchSection
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.registry import Registry

_OF_TRUNK = ("prompt",)
_OF_GRAFT = ("adapters", "sharing", "train")
_OF_TASK = ("prompt", "objective")
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


def refuse_keys(search: SearchSection) -> None:
    """All arms have one trunk, the same data and the same training, and each choice has keys of its own.

    Raises:
        MultigraftError: a choice changes these, what another choice sets, or what is not trained in the search.
    """
    taken: list[tuple[str, str]] = []
    for name, choice in search.choices.items():
        for key in choice.keys:
            if reason := _refusal(key, search, taken):
                raise MultigraftError(f"search.choices.{name}: {reason}")
            taken.append((name, key))


def _refusal(key: str, search: SearchSection, taken: Sequence[tuple[str, str]]) -> str:
    """Why a key cannot be chosen."""
    if not _may_differ(key.split(".")):
        known = [f"`graft.{each}`" for each in _OF_GRAFT] + [f"`tasks.NAME.{each}`" for each in _OF_TASK]
        return f"`{key}` cannot be chosen; a search is about `trunk.prompt`, {', '.join(known)}"
    if search.trains == "backbone" and key.startswith("graft."):
        return f"with `trains: backbone` the search has no adapters, and `{key}` would change nothing"
    if search.reward == "loss" and "objective" in key.split("."):
        return f"with `reward: loss` values of `{key}` would be held against each other by losses of their own"
    for name, other in taken:
        if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
            return f"`{key}` lies in what the choice '{name}' sets too, `{other}`"
    return ""


def _may_differ(path: list[str]) -> bool:
    if path[0] == "tasks":
        return len(path) > 2 and path[2] in _OF_TASK
    return len(path) > 1 and path[1] in {"trunk": _OF_TRUNK, "graft": _OF_GRAFT}.get(path[0], ())


def filled(recipe: Recipe, registry: Registry, arms: Arms) -> Recipe:
    """The recipe with the values of a draw, and without a search.

    Raises:
        RecipeError: they make no recipe.
    """
    overrides = [
        f"{key}={json.dumps(choice.values[arm])}"
        for choice, arm in zip(search_section(recipe).choices.values(), arms, strict=True)
        for key in choice.keys
    ]
    text = dump_recipe(recipe.model_copy(update={"search": None}))
    return validate(RecipeFile(Path("search.choices"), overrides, text), registry)


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
    paths = [key.split(".") for key in choice.keys]
    own = list(dict.fromkeys(path[1] for path in paths if path[0] == "tasks"))
    return own if all(path[0] == "tasks" for path in paths) else list(recipe.tasks)


def check_arms(recipe: Recipe, registry: Registry) -> None:
    """Make the recipe of every value.

    Raises:
        RecipeError: with the problems of those that make none.
    """
    problems = []
    for arms in arms_to_try(search_section(recipe)):
        try:
            filled(recipe, registry, arms)
        except RecipeError as error:
            problems += [each for each in error.problems if each not in problems]
    if problems:
        raise RecipeError(problems)
