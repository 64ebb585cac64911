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
from multigraft.core.recipe.prompts import prompts_of
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
    for key in bank.entries:
        name, _, part = key.part.partition(".")
        label, options, tasks = components.get(name.removesuffix(_MADE)) or (name, _rest(recipe), ())
        place = key.owner.site_scope.replace(name, label, 1) if key.owner.site_scope.startswith(name) else None
        yield key, json.dumps([
            label, options, part, key.owner.task_scope, place or key.owner.site_scope,
            tasks if key.owner.task_scope == SHARED else (),
        ])  # fmt: skip


_Component = tuple[str, Any, tuple[str, ...]]


def _components(recipe: Recipe) -> Mapping[str, _Component]:
    """What is called the same in all arms, its options, and the tasks that it is for, by name in the graft."""
    found: dict[str, _Component] = {}
    for each in recipe.graft.adapters:
        rule = each.sharing or recipe.graft.sharing
        found[method_name(each)] = (method_name(each), [_plain(each), _plain(rule)], ())
    for prompt in prompts_of(recipe):
        found[prompt.name] = ("prompt", _plain(prompt.options), prompt.tasks)
    return found


def _rest(recipe: Recipe) -> Any:
    """What decides norms, biases, a trunk that is trained, and heads."""
    objectives = {name: [_plain(each) for each in task.objective] for name, task in recipe.tasks.items()}
    return [_plain(recipe.graft.train), objectives]


def _plain(options: Any) -> Any:
    return options.model_dump(mode="json")
