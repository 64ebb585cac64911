"""Values of a search's choice that come to the same, where only one of them can be worth a try."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

from multigraft.core.check.search_problems import short
from multigraft.core.check.subject import Subject
from multigraft.core.interfaces.search_strategy import Arms
from multigraft.core.recipe.problems import Problem
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.search_arms import search_section

if TYPE_CHECKING:
    from multigraft.core.model.model import Model


def alike(subject: Subject, arms: Arms, twin: Arms, made: str) -> Problem:
    """A draw comes to the same as another: told at the first value in which they differ."""
    number = next(at for at, (one, other) in enumerate(zip(arms, twin, strict=True)) if one != other)
    name, choice = list(search_section(subject.recipe).choices.items())[number]
    message = f"{short(choice.values[arms[number]])} makes the same {made} as {short(choice.values[twin[number]])}"
    return subject.document.problem(("search", "choices", name, "values", arms[number]), message, "leave one out")


def same_grafts(subject: Subject, planned: Iterable[tuple[Arms, Recipe, "Model"]]) -> Iterator[Problem]:
    """Sharing rules by which the same tasks have the same tensors whatever else is chosen, such as any two with a
    single task."""
    made = {arms: _made(recipe, model) for arms, recipe, model in planned}
    for number, choice in enumerate(search_section(subject.recipe).choices.values()):
        for first, second in combinations(range(len(choice.values)), 2):
            pairs = [(arms, _with(arms, number, first)) for arms in made if arms[number] == second]
            known = [(arms, twin) for arms, twin in pairs if twin in made]
            if known and all(made[arms] == made[twin] for arms, twin in known):
                yield alike(subject, *known[0], "graft")
                break


def _with(arms: Arms, number: int, arm: int) -> Arms:
    return (*arms[:number], arm, *arms[number + 1 :])


def _made(recipe: Recipe, model: "Model") -> Hashable:
    """Equal for recipes that differ in their sharing rules alone and share alike; one with a hypernetwork is unique."""
    if model.graft.hypernetworks:
        return object()
    return repr(_without_sharing(recipe.model_dump(mode="json"))), _tensors(model)


def _without_sharing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_sharing(each) for key, each in value.items() if key != "sharing"}
    return [_without_sharing(each) for each in value] if isinstance(value, list) else value


def _tensors(model: "Model") -> Hashable:
    """What each tensor of a graft is, and which tasks have it, whoever it is said to belong to."""
    users: dict[Any, set[str]] = defaultdict(set)
    for task in model.graft.tasks:
        for key in model.graft.keys_of(task):
            users[key].add(task)
    return frozenset(
        (key.part, key.owner.site_scope, entry.part.shape, frozenset(users[key]))
        for key, entry in model.graft.bank.entries.items()
    )
