"""The tensors of all arms of a search.

Arms have a tensor in common where they have the same component: one with equal options, and, if all its tasks share
the tensor, of the same tasks. So each layer of a prompt has a generator of its own, and all have the adapters that no
choice changes in common.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.bank import Bank, Key
from multigraft.core.recipe.method_names import method_name
from multigraft.core.recipe.prompts import RecipePrompt, prompts_of
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.types.owner import SHARED

_MADE = "-hypernetwork"
"""What stands behind an adapter's name in that of its hypernetwork."""


class SharedTensors:
    """Tensors by identity: a text that says whose component they are."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.starts: dict[str, Tensor] = {}
        """What those that are trained began with."""

    def join(self, bank: Bank, recipe: Recipe) -> dict[str, nn.Parameter]:
        """Put the tensors that are known in the place of a bank's own, and keep those that are new.

        Returns:
            Those that are new and are trained.

        Raises:
            MultigraftError: one has another shape.
        """
        identities = dict(_identities(bank, recipe))
        known = {key: self.values[text] for key, text in identities.items() if text in self.values}
        for key, value in known.items():
            if value.shape != bank[key].shape:
                raise MultigraftError(
                    f"{key.text}: {tuple(value.shape)} in one arm, {tuple(bank[key].shape)} in another"
                )
        bank.replace(known)
        new = {text: bank[key] for key, text in identities.items() if text not in self.values}
        self.values |= new
        trained = {text: value for text, value in new.items() if isinstance(value, nn.Parameter)}
        self.starts |= {text: value.detach().clone() for text, value in trained.items()}
        return trained

    def trained(self) -> dict[str, nn.Parameter]:
        """Those that are trained."""
        return {text: value for text, value in self.values.items() if isinstance(value, nn.Parameter)}


def _identities(bank: Bank, recipe: Recipe) -> Iterator[tuple[Key, str]]:
    components = _components(recipe)
    for key, entry in bank.entries.items():
        if key in bank.adopted:
            yield key, key.text
            continue
        name, _, part = key.part.partition(".")
        label, options, tasks = components.get(name) or (name, _made_or_rest(key, recipe, components), ())
        place = key.owner.site_scope
        place = place.replace(name, label, 1) if place.startswith(name) else place
        of_tasks = tasks if key.owner.task_scope == SHARED and entry.part.trained else ()
        yield key, json.dumps([label, options, part, key.owner.task_scope, place, of_tasks])


_Component = tuple[str, Any, tuple[str, ...]]


def _components(recipe: Recipe) -> Mapping[str, _Component]:
    """What is called the same in all arms, its options, and the tasks that it is for, by name in the graft."""
    found: dict[str, _Component] = {}
    for each in recipe.graft.adapters:
        rule = each.sharing or recipe.graft.sharing
        found[method_name(each)] = (method_name(each), [_plain(each), _plain(rule)], ())
    prompts = prompts_of(recipe)
    for number, prompt in enumerate(prompts):
        alike = sum(_are_twins(prompt, each) for each in prompts[:number])
        found[prompt.name] = (f"prompt-{alike}", _plain(prompt.options), prompt.tasks)
    return found


def _are_twins(one: RecipePrompt, other: RecipePrompt) -> bool:
    """Whether a task has both, and they say the same."""
    return one.options == other.options and bool({*one.tasks} & {*other.tasks})


def _made_or_rest(key: Key, recipe: Recipe, components: Mapping[str, _Component]) -> Any:
    """What decides a hypernetwork, which is its adapter's, norms and biases, and heads."""
    adapter, made, _ = key.part.partition(".")[0].partition(_MADE)
    return components[adapter][1] if made and adapter in components else _rest(key, recipe)


def _rest(key: Key, recipe: Recipe) -> Any:
    name, scope = key.part.partition(".")[0], key.owner.task_scope
    if name in ("norms", "biases"):
        return _plain(recipe.graft.train)
    own = {f"task:{task}": task for task in recipe.tasks}
    tasks = [own[scope]] if scope in own else list(recipe.tasks)
    return {task: [_plain(each) for each in recipe.tasks[task].objective] for task in tasks}


def _plain(options: Any) -> Any:
    return options.model_dump(mode="json")
