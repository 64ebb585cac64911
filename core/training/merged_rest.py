"""What a merged graft has beside adapters: prompts, heads, norms. No sum is made of it; it is one source's, whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from multigraft.core.errors import MultigraftError
from multigraft.core.training.merged_recipe import HINT

if TYPE_CHECKING:
    from multigraft.core.graft.attachment import Graft
    from multigraft.core.graft.bank import Key
    from multigraft.core.training.merge_sources import Filled


@dataclass
class Rest:
    """Which tensors of a merged graft came from where."""

    taken: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the sources that have it with these numbers, the one that was asked first, by the text of its key."""
    left: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Tensors that have no place in the merged graft, by source."""

    def facts(self) -> dict[str, Any]:
        """For `merge.json`."""
        return {
            "taken": {key: list(names) for key, names in self.taken.items()},
            "left": {name: list(labels) for name, labels in self.left.items()},
        }


def take_rest(merged: "Graft", sources: Sequence["Filled"], rest: "Filled | None") -> Rest:
    """Fill what is no adapter's: a tensor of a task from the sources of that task, one of all tasks from all sources.

    Args:
        rest: whose tensors are taken where sources differ; if left out, they must be equal.

    Raises:
        MultigraftError: sources differ, and `rest` has none of its own there.
    """
    found, offers = Rest(), _offers(merged, sources)
    for key, offered in offers.items():
        own = (each for each in offered if each[0] is rest and each[1] is not None)
        chosen, value = next(own, offered[0])
        equal = [source.name for source, other in offered if _equal(value, other)]
        if value is None or (chosen is not rest and len(equal) < len(offered)):
            names = " and ".join(dict.fromkeys(source.name for source, _ in offered))
            hint = HINT if rest is None else f"{rest.name} has none of its own"
            raise MultigraftError(f"{key.text} is not the same in {names}, and no sum is made of it; {hint}")
        _put(merged, key, value, chosen.name)
        found.taken[key.text] = tuple(dict.fromkeys([chosen.name, *equal]))
    for source in sources:
        here = _rest_of(merged, source.task)
        if lost := tuple(label for label in _rest_of(source.model.graft, source.task) if label not in here):
            found.left[source.name] = lost
    return found


def _offers(merged: "Graft", sources: Sequence["Filled"]) -> dict["Key", list[tuple["Filled", torch.Tensor | None]]]:
    """What each source has for each tensor; None where it trained none."""
    found: dict[Key, list[tuple[Filled, torch.Tensor | None]]] = {}
    for source in sources:
        graft = source.model.graft
        own = _rest_of(graft, source.task)
        for label, key in _rest_of(merged, source.task).items():
            found.setdefault(key, []).append((source, graft.bank[own[label]] if label in own else None))
    return found


def _rest_of(graft: "Graft", task: str) -> dict[str, "Key"]:
    """Tensors of a task that are no adapter's, by where they stand."""
    made = {network.generator.name for network in graft.hypernetworks}
    overlays = {
        f"{each.site.name}/{each.method}.{part}": key
        for each in graft.attachments()
        if each.adapter is None
        for part, key in each.keys[task].items()
    }
    modules = {
        f"{name}.{parameter}": key
        for name, module in graft.modules.items()
        if name not in made
        for parameter, key in module.keys.get(task, {}).items()
    }
    return overlays | modules


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)


@torch.no_grad()
def _put(merged: "Graft", key: "Key", value: torch.Tensor, name: str) -> None:
    there = merged.bank[key]
    if isinstance(there, nn.Parameter) and there.shape == value.shape:
        there.copy_(value)
    elif not torch.equal(there, value):
        what = "another shape, or other random numbers"
        raise MultigraftError(f"{key.text} of {name} does not fit the merged graft: {what}")
