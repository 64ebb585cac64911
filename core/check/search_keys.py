"""The checks of a recipe's search that import nothing heavy: its keys, its split, and the recipes of its values."""

from collections.abc import Iterator, Sequence

from multigraft.core.check.search_problems import DrawProblems
from multigraft.core.check.search_twins import alike
from multigraft.core.check.subject import Subject
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.recipe.problems import Problem, RecipeError
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import ArmRecipes, all_scored, arms_to_try, readers
from multigraft.core.recipe.splits import TRAIN, VALIDATION, final_split, scorable
from multigraft.core.suggest import did_you_mean

_OF_TRUNK = ("prompt",)
_OF_GRAFT = ("adapters", "sharing", "train")
_OF_TASK = ("prompt", "objective")


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
    for task in all_scored(recipe):
        if search.split not in recipe.tasks[task].data:
            message = f"no split {search.split!r}, which the search is scored on"
            yield subject.document.problem(("tasks", task, "data"), message, at_key=True)


def values(subject: Subject) -> Iterator[Problem]:
    """Every value of a choice makes a recipe, and each another one."""
    search = subject.recipe.search
    if search is None or any(keys(subject)):
        return
    problems = DrawProblems(subject)
    made: list[tuple[Arms, Recipe]] = []
    recipes = ArmRecipes(subject.recipe, subject.registry)
    for arms in arms_to_try(search):
        try:
            own = recipes.of(arms)
        except RecipeError as error:
            for each in error.problems:
                problems.add(arms, each)
            continue
        twin = next((other for other, recipe in made if recipe == own), None)
        if twin is not None:
            problems.found[alike(subject, arms, twin, "recipe")] = None
        made.append((arms, own))
    yield from problems.found


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)
