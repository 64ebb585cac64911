"""From declared methods and sharing rules to a graft: which tensors exist and who owns them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import Attachment, Graft, GraftModule, Hypernetwork
from multigraft.core.graft.bank import Bank, Key
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.sharing import Sharing
from multigraft.core.types.initial import copy_of
from multigraft.core.types.owner import SHARED, Owner
from multigraft.core.types.part import Initial, Part
from multigraft.core.types.site import Site


@dataclass(frozen=True)
class Method:
    """An adapter variant of a recipe: its name in the graft, where it stands and who shares it."""

    name: str
    adapter: Adapter
    sites: tuple[Site, ...]
    sharing: Sharing


def add_method(graft: Graft, method: Method) -> None:
    """Attach an adapter variant to its sites.

    Raises:
        MultigraftError: no site matches, or the sharing rule refuses.
    """
    if not method.sites:
        raise MultigraftError(f"adapter '{method.name}': its `sites` match nothing in this backbone")
    wanted: dict[str, list[tuple[Site, Part]]] = {}
    for site in method.sites:
        parts = tuple(method.adapter.parts(site))
        _refuse(method, parts)
        made = tuple(part for part in parts if method.sharing.generates(site, part))
        wanted.setdefault(site.stack, []).extend((site, part) for part in made)
        stored = [part for part in parts if part not in made]
        keys = {task: _declare(graft.bank, method, task, site, stored) for task in graft.tasks}
        attachment = Attachment(method.name, site, method.adapter, parts, keys, tuple(part.name for part in made))
        graft.sites.setdefault(site.name, []).append(attachment)
    for stack, requests in wanted.items():
        if requests:
            _add_hypernetwork(graft, method, stack, requests)


def add_overlay(graft: Graft, method: str, site: Site, module: nn.Module, names: Sequence[str]) -> None:
    """Train some of a trunk module's own tensors, on copies that start from them; shared by all tasks."""
    own = dict(module.named_parameters(recurse=False))
    parts = tuple(Part(name, tuple(own[name].shape), copy_of(own[name])) for name in names if name in own)
    if not parts:
        return
    keys = {part.name: Key(Owner(SHARED, site.name), f"{method}.{part.name}") for part in parts}
    for part in parts:
        graft.bank.declare(keys[part.name], part, overlay=True)
    graft.sites.setdefault(site.name, []).append(
        Attachment(method, site, None, parts, dict.fromkeys(graft.tasks, keys))
    )


@dataclass(frozen=True)
class ModuleParts:
    """How a plain module's parameters become parts."""

    initial: Callable[[str], Initial]
    frozen: Callable[[str], bool] = lambda name: False
    task_of: Callable[[str], str | None] = lambda name: None
    task_home: str | None = None
    """Name that the parameters of a task go by, so that several modules have them in common; else the module's own."""


def add_module(
    graft: Graft, name: str, module: nn.Module, parts: ModuleParts, sharing: Sharing, tasks: Sequence[str] | None = None
) -> GraftModule[nn.Module]:
    """Make the parameters of a module on the meta device parts of the graft.

    Raises:
        MultigraftError: the sharing rule refuses, or would do nothing here.
    """
    _refuse_module(_module_site(name), module, parts, sharing)
    return _attach_module(graft, name, module, parts, sharing, tasks or graft.tasks)


def _module_site(name: str) -> Site:
    return Site(name, None, None, "module", None, 0, 0, "")


def _refuse_module(site: Site, module: nn.Module, parts: ModuleParts, sharing: Sharing) -> None:
    trained = [
        Part(name, tuple(value.shape), parts.initial(name))
        for name, value in module.named_parameters()
        if not parts.frozen(name)
    ]
    if any(sharing.generates(site, part) for part in trained):
        raise MultigraftError(
            f"{site.name}: a sharing rule that makes its parts by a hypernetwork can do so for adapters alone, and all "
            "tasks would share this one whole; use `single`, `per-task`, `half-shared` or `groups`"
        )
    if reason := sharing.refuse({part.name: part for part in trained}):
        raise MultigraftError(f"{site.name}: {reason}")
    if unused := sharing.unused([part.name for part in trained]):
        parameters = ", ".join(part.name for part in trained)
        raise MultigraftError(f"{site.name}: {', '.join(map(repr, unused))} fits none of its parameters {parameters}")


def _attach_module(
    graft: Graft, name: str, module: nn.Module, parts: ModuleParts, sharing: Sharing, tasks: Sequence[str]
) -> GraftModule[nn.Module]:
    site = _module_site(name)
    keys: dict[str, dict[str, Key]] = {}
    for task in tasks:
        keys[task] = {}
        for parameter, value in module.named_parameters():
            if parts.task_of(parameter) not in (None, task):
                continue
            part = Part(parameter, tuple(value.shape), parts.initial(parameter), trained=not parts.frozen(parameter))
            key = _module_key(sharing, parts, task, site, part)
            graft.bank.declare(key, part)
            keys[task][parameter] = key
    attached = GraftModule(name, module, keys)
    graft.modules[name] = attached
    return attached


def adopt(graft: Graft, name: Literal["backbone", "encoder"], module: nn.Module) -> None:
    """Train a whole trunk module in place, without a second copy."""
    for parameter_name, parameter in module.named_parameters():
        graft.bank.adopt(Key(Owner(SHARED, name), f"{name}.{parameter_name}"), parameter)


def _module_key(sharing: Sharing, parts: ModuleParts, task: str, site: Site, part: Part) -> Key:
    if parts.task_of(part.name) == task:
        home = parts.task_home or site.name
        return Key(Owner(f"task:{task}", home), f"{home}.{part.name}")
    owner = sharing.owner(task, site, part) if part.trained else Owner(SHARED, site.name)
    return Key(owner, f"{site.name}.{part.name}")


def _declare(bank: Bank, method: Method, task: str, site: Site, parts: Sequence[Part]) -> Mapping[str, Key]:
    keys = {part.name: Key(method.sharing.owner(task, site, part), f"{method.name}.{part.name}") for part in parts}
    for part in parts:
        bank.declare(keys[part.name], part)
    return keys


def _refuse(method: Method, parts: Sequence[Part]) -> None:
    reason = method.sharing.refuse({part.name: part for part in parts})
    if reason:
        raise MultigraftError(f"adapter '{method.name}': {reason}")


def _add_hypernetwork(graft: Graft, method: Method, stack: str, wanted: list[tuple[Site, Part]]) -> None:
    with torch.device("meta"):
        generator = method.sharing.generator(wanted)
    name = f"{method.name}-hypernetwork"
    parts = ModuleParts(generator.initial, task_of=generator.task_of, task_home=name)
    attached = _attach_module(graft, f"{name}-{stack}", generator, parts, method.sharing, graft.tasks)
    graft.hypernetworks.append(Hypernetwork(method.name, attached))  # type: ignore[arg-type]
