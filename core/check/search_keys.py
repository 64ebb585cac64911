"""The checks of a recipe's search that import nothing heavy: its keys, its split, and the recipes of its values."""

import json
from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

from multigraft.core.check.subject import Subject
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.recipe.problems import COMMAND_LINE, Problem, RecipeError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import ArmRecipes, arms_to_try, readers, scored_tasks
from multigraft.core.recipe.search_section import SearchSection
from multigraft.core.recipe.splits import TRAIN, VALIDATION, final_split, scorable
from multigraft.core.suggest import did_you_mean

_OF_TRUNK = ("prompt",)
_OF_GRAFT = ("adapters", "sharing", "train")
_OF_TASK = ("prompt", "objective")
_LONGEST = 60
"""Characters of a value in a message."""


def keys(subject: Subject) -> Iterator[Problem]:
    """All arms have one trunk, the same data and the same training, and each choice has keys of its own, which say
    something to the tasks that it is scored by."""
    recipe, search = subject.recipe, subject.recipe.search
    taken: list[tuple[str, str]] = []
    for name, choice in search.choices.items() if search else ():
        for number, key in enumerate(choice.keys):
            message, hint = _refusal(key, recipe, taken)
            if message:
                yield subject.document.problem(("search", "choices", name, "keys", number), message, hint)
            taken.append((name, key))
        reading = {task for key in choice.keys for task in readers(recipe, key)}
        for number, task in enumerate(choice.tasks or ()):
            if task in recipe.tasks and task not in reading:
                place = ("search", "choices", name, "tasks", number)
                yield subject.document.problem(place, f"task '{task}' does not read {_listed(choice.keys)}")


def _refusal(key: str, recipe: Recipe, taken: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Why a key cannot be chosen, and a hint."""
    search, path = recipe.search, key.split(".")
    assert search is not None
    if not _may_differ(path):
        known = [f"`graft.{each}`" for each in _OF_GRAFT] + [f"`tasks.NAME.{each}`" for each in _OF_TASK]
        return f"`{key}` cannot be chosen", f"a search is about `trunk.prompt`, {', '.join(known)}"
    if path[0] == "tasks" and path[1] not in recipe.tasks:
        return f"no task named {path[1]!r}", did_you_mean(path[1], recipe.tasks)
    if not readers(recipe, key):
        return f"every task has a prompt of its own, and none reads `{key}`", "choose among `tasks.NAME.prompt`"
    if search.trains == "backbone" and path[0] == "graft":
        return f"with `trains: backbone` the search has no adapters, and `{key}` would change nothing", ""
    if search.reward == "loss" and "objective" in path:
        return f"with `reward: loss` values of `{key}` would be held against each other by losses of their own", ""
    for name, other in taken:
        if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
            return f"`{key}` lies in what the choice '{name}' sets too, `{other}`", ""
    return "", ""


def _may_differ(path: Sequence[str]) -> bool:
    if not all(path):
        return False
    if path[0] == "tasks":
        return len(path) > 2 and path[2] in _OF_TASK
    return len(path) > 1 and path[1] in {"trunk": _OF_TRUNK, "graft": _OF_GRAFT}.get(path[0], ())


def split(subject: Subject) -> Iterator[Problem]:
    """The split that a search is scored on is used for nothing else, and every task that is scored has it."""
    recipe, search = subject.recipe, subject.recipe.search
    if search is None:
        return
    if search.split in (TRAIN, VALIDATION, "test", recipe.eval.split, final_split(recipe)):
        message = f"the split {search.split!r} is for another use"
        yield subject.document.problem(("search", "split"), message, "a search is scored on a split of its own")
        return
    if search.split not in scorable(recipe):
        return
    scored = {task: None for choice in search.choices.values() for task in scored_tasks(recipe, choice)}
    for task in scored:
        if task in recipe.tasks and search.split not in recipe.tasks[task].data:
            message = f"no split {search.split!r}, which the search is scored on"
            yield subject.document.problem(("tasks", task, "data"), message, at_key=True)


def values(subject: Subject) -> Iterator[Problem]:
    """Every value of a choice makes a recipe, and each another one."""
    search = subject.recipe.search
    if search is None or any(keys(subject)):
        return
    seen: dict[Problem, None] = {}
    made: list[tuple[Arms, Recipe]] = []
    recipes = ArmRecipes(subject.recipe, subject.registry)
    for arms in arms_to_try(search):
        try:
            own = recipes.of(arms)
        except RecipeError as error:
            seen |= {at_value(subject, arms, each): None for each in error.problems}
            continue
        twin = next((other for other, recipe in made if recipe == own), None)
        if twin is not None:
            seen[_alike(subject, arms, twin)] = None
        made.append((arms, own))
    yield from seen


def _alike(subject: Subject, arms: Arms, twin: Arms) -> Problem:
    assert subject.recipe.search is not None
    number = next(at for at, (one, other) in enumerate(zip(arms, twin, strict=True)) if one != other)
    name, choice = list(subject.recipe.search.choices.items())[number]
    message = f"{_short(choice.values[arms[number]])} makes the same recipe as {_short(choice.values[twin[number]])}"
    return subject.document.problem(("search", "choices", name, "values", arms[number]), message, "leave one out")


def at_value(subject: Subject, arms: Arms, problem: Problem) -> Problem:
    """A problem of a draw's recipe, at the value that it comes from: one that sets what lies at, above or below its
    place, or else the last that is not its choice's first. A key that is in no list of the recipe is one of the key."""
    search = subject.recipe.search
    assert search is not None
    number = _number_of(search, arms, problem.path)
    name, choice = list(search.choices.items())[number]
    place = ("search", "choices", name)
    if not problem.path and problem.file == COMMAND_LINE:
        return subject.document.problem((*place, "keys"), problem.message, problem.hint)
    message, hint = f"{problem.path}: {problem.message}".removeprefix(": "), problem.hint
    if wider := [key.removesuffix(".kind") for key in choice.keys if key.endswith(".kind")]:
        message = "options stay that are those of another kind"
        hint = f"choose among whole sections, `keys: {', '.join(wider)}`"
    told = f"with `{choice.keys[0]}: {_short(choice.values[arms[number]])}`, {message}"
    return subject.document.problem((*place, "values", arms[number]), told, hint)


def _number_of(search: SearchSection, arms: Arms, path: str) -> int:
    """Of the choice that a problem at a path comes from."""
    choices = list(search.choices.values())
    for number, choice in enumerate(choices):
        if any(f"{path}.".startswith(f"{key}.") or f"{key}.".startswith(f"{path}.") for key in choice.keys if path):
            return number
    return max(number for number in range(len(arms)) if arms[number] or number == 0)


def _short(value: Any) -> str:
    return shorten(json.dumps(value), _LONGEST, placeholder=" ...")


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)
