"""From declared methods and sharing rules to a graft: which tensors exist and who owns them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attachment import Attachment, Graft, GraftModule, Hypernetwork
from multigraft.core.graft.bank import Key
from multigraft.core.graft.scope import widened
from multigraft.core.graft.weight_starts import WeightOf, asked, bound, no_weight, refuse_generated
from multigraft.core.interfaces.adapter import Adapter, Prefix
from multigraft.core.interfaces.sharing import PartGenerator, Sharing
from multigraft.core.interfaces.side_network import SideNetwork
from multigraft.core.types.initial import copy_of
from multigraft.core.types.owner import SHARED, Owner
from multigraft.core.types.part import Initial, Part, Scope
from multigraft.core.types.site import Site

if TYPE_CHECKING:
    from multigraft.core.graft.side import SideOfStack


@dataclass(frozen=True)
class Method:
    """An adapter variant of a recipe: its name in the graft, where it stands and who shares it."""

    name: str
    adapter: Adapter | Prefix | SideNetwork | None
    """None where the site's own tensors are trained."""
    sites: tuple[Site, ...]
    sharing: Sharing
    scope: Mapping[str, Scope] = field(default_factory=dict)
    """Wider scopes of its parts, by patterns of their names."""
    weight_of: WeightOf = no_weight
    """Where parts that start of a site's weight find it."""
    sides: "Mapping[Site, SideOfStack]" = field(default_factory=dict)
    """What a side network has at its sites."""

    def parts(self, site: Site) -> tuple[Part, ...]:
        """What it declares at a site, with the scopes widened.

        Raises:
            OptionError: a scope is narrower than the adapter's own.
        """
        declaring = self.sides.get(site) or self.adapter
        if declaring is None or isinstance(declaring, SideNetwork):
            return ()
        return tuple(widened(part, self.scope) for part in declaring.parts(site))


def add_method(graft: Graft, method: Method) -> None:
    """Attach an adapter variant to its sites.

    Raises:
        MultigraftError: no site matches, or the sharing rule refuses.
    """
    if not method.sites:
        raise MultigraftError(f"adapter '{method.name}': its `sites` match nothing in this trunk")
    declared = {site: method.parts(site) for site in method.sites}
    if method.sides:
        _add_side_network(graft, method, declared)
        return
    for parts in declared.values():
        _refuse(f"adapter '{method.name}'", method.sharing, parts)
    generators = _generators(method, declared)
    made = {place for generator in generators.values() for place in generator.makes}
    for site, parts in declared.items():
        generated = tuple(part.name for part in parts if (site.name, part.name) in made)
        refuse_generated(f"adapter '{method.name}'", (part for part in parts if part.name in generated))
        _attach(graft, method, site, parts, generated)
    for stack, generator in generators.items():
        _add_hypernetwork(graft, method, stack, generator)


def _add_side_network(graft: Graft, method: Method, declared: Mapping[Site, Sequence[Part]]) -> None:
    """One rule shares all that a side network has, so it is asked once, for the parts of all sites."""
    every = {part.name: part for parts in declared.values() for part in parts}
    _refuse_rule(f"adapter '{method.name}'", method.sites[0], list(every.values()), method.sharing)
    for site, parts in declared.items():
        _attach(graft, method, site, parts, ())


@dataclass(frozen=True)
class Overlay:
    """Tensors of the trunk's own at a site that are trained, on copies that start from them."""

    method: str
    site: Site
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, method: str, site: Site, module: nn.Module, names: Sequence[str]) -> "Overlay":
        """Those of these names that the site's module has; of a fused one, the site's rows."""
        rows = slice(None) if site.rows is None else slice(*site.rows)
        own = {name: value[rows] for name, value in module.named_parameters(recurse=False) if name in names}
        parts = (Part(name, tuple(own[name].shape), copy_of(own[name])) for name in names if name in own)
        return cls(method, site, tuple(parts))


def add_overlays(graft: Graft, overlays: Sequence[Overlay], sharing: Sharing) -> None:
    """Train tensors of the trunk's own. One rule shares them all, so it is asked once, for the parts of all sites.

    Raises:
        MultigraftError: the sharing rule refuses, would do nothing, or would make them by a hypernetwork.
    """
    kept = [overlay for overlay in overlays if overlay.parts]
    if not kept:
        return
    parts = {part.name: part for overlay in kept for part in overlay.parts}
    methods = dict.fromkeys(f"graft.train.{overlay.method}" for overlay in kept)
    _refuse_rule(" and ".join(methods), kept[0].site, list(parts.values()), sharing)
    for overlay in kept:
        method = Method(overlay.method, None, (overlay.site,), sharing)
        _attach(graft, method, overlay.site, overlay.parts, ())


def _attach(graft: Graft, method: Method, site: Site, parts: Sequence[Part], generated: Sequence[str]) -> None:
    place = f"adapter '{method.name}'"
    parts = [bound(place, part, site, method.sharing, method.weight_of) for part in parts]
    stored = [part for part in parts if part.name not in generated]
    keys = {
        task: {
            part.name: Key(owner_of(method.sharing, task, site, part), f"{method.name}.{part.name}") for part in stored
        }
        for task in graft.tasks
    }
    slots = {
        task: {part.name: graft.bank.declare(own[part.name], part, overlay=method.adapter is None) for part in stored}
        for task, own in keys.items()
    }
    acting = method.sides.get(site) or method.adapter
    assert not isinstance(acting, SideNetwork)
    attachment = Attachment(method.name, site, acting, tuple(parts), keys, slots, tuple(generated))
    graft.sites.setdefault(site.name, []).append(attachment)


def owner_of(sharing: Sharing, task: str, site: Site, part: Part) -> Owner:
    """Who owns a stored part under a rule; a part that names its owner keeps it."""
    return Owner(part.owner or sharing.task_scope(task, site, part), sharing.place(site, part))


@dataclass(frozen=True)
class ModuleParts:
    """How a plain module's parameters become parts."""

    initial: Callable[[str], Initial]
    frozen: Callable[[str], bool] = lambda name: False
    task_of: Callable[[str], str | None] = lambda name: None
    task_home: str | None = None
    """Name that the parameters of a task go by, so that several modules have them in common; else the module's own."""
    home: str | None = None
    """Name that owners and parts go by, so that modules of several tasks may be one; else the module's own."""


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
    _refuse_rule(site.name, site, trained, sharing)


def _refuse_rule(place: str, site: Site, parts: Sequence[Part], sharing: Sharing) -> None:
    """Refuse a rule that generates, makes no sense for these parts, or has values that fit none of them."""
    _refuse_generated(place, site, parts, sharing)
    _refuse(place, sharing, parts)
    if unused := sharing.unused([part.name for part in parts]):
        parameters = ", ".join(part.name for part in parts)
        raise MultigraftError(f"{place}: {', '.join(map(repr, unused))} fits none of its parameters {parameters}")


def _attach_module(
    graft: Graft, name: str, module: nn.Module, parts: ModuleParts, sharing: Sharing, tasks: Sequence[str]
) -> GraftModule[nn.Module]:
    site = _module_site(parts.home or name)
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


def adopt(graft: Graft, name: str, module: nn.Module) -> None:
    """Train a whole trunk module in place, without a second copy."""
    for key, parameter in adopted(name, module).items():
        graft.bank.adopt(key, parameter)


def adopted(name: str, module: nn.Module) -> dict[Key, nn.Parameter]:
    """The parameters of a trunk module that is trained in place under a name."""
    return {Key(Owner(SHARED, name), part): parameter for part, parameter in module.named_parameters(prefix=name)}


def _module_key(sharing: Sharing, parts: ModuleParts, task: str, site: Site, part: Part) -> Key:
    if parts.task_of(part.name) == task:
        home = parts.task_home or site.name
        return Key(Owner(f"task:{task}", home), f"{home}.{part.name}")
    owner = owner_of(sharing, task, site, part) if part.trained else Owner(SHARED, site.name)
    return Key(owner, f"{site.name}.{part.name}")


def _refuse(place: str, sharing: Sharing, parts: Sequence[Part]) -> None:
    if reason := sharing.refuse({part.name: part for part in parts}):
        raise MultigraftError(f"{place}: {reason}")


def _refuse_generated(place: str, site: Site, parts: Sequence[Part], sharing: Sharing) -> None:
    with torch.device("meta"):
        if sharing.generator([(site, part) for part in parts]) is None:
            return
    raise MultigraftError(
        f"{place}: a sharing rule that makes its parts by a hypernetwork can do so for adapters alone, and all "
        "tasks would share this one whole; use `single`, `per-task`, `half-shared` or `groups`"
    )


def _generators(method: Method, declared: Mapping[Site, Sequence[Part]]) -> dict[str, PartGenerator]:
    """The hypernetwork of each stack that has one; a part that several sites have in common is stored."""
    wanted: dict[str, list[tuple[Site, Part]]] = {}
    for site, parts in declared.items():
        own = [asked(part) for part in parts if part.trained and not part.owner and part.scope == "site"]
        wanted.setdefault(site.stack, []).extend((site, part) for part in own)
    with torch.device("meta"):
        found = {stack: method.sharing.generator(asked) for stack, asked in wanted.items() if asked}
        every = [(site, asked(part)) for site, parts in declared.items() for part in parts if part.trained]
        idle = every if not found else []
        if idle and method.sharing.generator(idle) is not None:
            raise MultigraftError(
                f"adapter '{method.name}': its sharing rule makes parts of single sites by a hypernetwork, and all of "
                "its parts are wider, so nothing would be made; take another rule or another `scope`"
            )
    return {stack: generator for stack, generator in found.items() if generator is not None}


def _add_hypernetwork(graft: Graft, method: Method, stack: str, generator: PartGenerator) -> None:
    name = f"{method.name}-hypernetwork"
    parts = ModuleParts(generator.initial, task_of=generator.task_of, task_home=name)
    attached = _attach_module(graft, f"{name}-{stack}", generator, parts, method.sharing, graft.tasks)
    graft.hypernetworks.append(Hypernetwork(method.name, attached))  # type: ignore[arg-type]
