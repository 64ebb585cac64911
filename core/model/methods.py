"""The adapters of a recipe, at the sites that it names."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from multigraft.core.errors import OptionError, below
from multigraft.core.graft.attach import Method
from multigraft.core.graft.scope import unknown_patterns, widened
from multigraft.core.graft.select import select
from multigraft.core.interfaces.adapter import Adapter, Prefix
from multigraft.core.interfaces.side_network import SideNetwork
from multigraft.core.model.side_methods import declared_beside, sides_of
from multigraft.core.recipe.method_names import method_name
from multigraft.core.suggest import did_you_mean

if TYPE_CHECKING:
    from multigraft.core.interfaces.sharing import Sharing
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.options.base import Options
    from multigraft.core.options.options import AdapterOptions, SiteSelector
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry
    from multigraft.core.types.part import Part
    from multigraft.core.types.site import Site


def build_method(recipe: "Recipe", registry: "Registry", trunk: "Trunk", number: int) -> Method:
    """The adapter at a place in the recipe's list, with its sites and its sharing rule.

    Raises:
        OptionError: it cannot be built, or a value of its `sites` or its `scope` matches nothing.
    """
    options = recipe.graft.adapters[number]
    for error in method_errors(recipe, registry, trunk, number):
        raise error
    adapter: Adapter | Prefix | SideNetwork = registry.build("adapters", options, tasks=tuple(recipe.tasks))
    own = ("graft", "adapters", number, "sharing")
    with below(*(own if options.sharing else ("graft", "sharing"))):
        sharing = sharing_rule(registry, options.sharing or recipe.graft.sharing, recipe)
    if isinstance(adapter, SideNetwork):
        with below("graft", "adapters", number):
            sides = sides_of(adapter, trunk.backbone)
        return Method(method_name(options), adapter, tuple(sides), sharing, options.scope, sides=sides)
    chosen = tuple(select(_candidates(trunk, adapter, options.sites), wanted_fields(options.sites)))
    return Method(method_name(options), adapter, chosen, sharing, options.scope)


def method_errors(recipe: "Recipe", registry: "Registry", trunk: "Trunk", number: int) -> Iterator[OptionError]:
    """What is wrong with an adapter, with each value of its `sites` and with its `scope`."""
    options = recipe.graft.adapters[number]
    place = "graft", "adapters", number
    try:
        with below(*place):
            adapter: Adapter | Prefix | SideNetwork = registry.build("adapters", options, tasks=tuple(recipe.tasks))
    except OptionError as error:
        yield error
        return
    if isinstance(adapter, SideNetwork):
        yield from _side_errors(options, adapter, trunk, place)
        return
    candidates = _candidates(trunk, adapter, options.sites)
    for location, message, hint in unmatched(candidates, options.sites, "sites"):
        yield OptionError((*place, "sites", *location), message, hint)
    try:
        with below(*place):
            declared = [
                part for site in select(candidates, wanted_fields(options.sites)) for part in adapter.parts(site)
            ]
            for part in declared:
                widened(part, options.scope)
    except OptionError as error:
        yield error
        return
    yield from _unknown_scopes(options, declared, place)


def _side_errors(
    options: "AdapterOptions", network: SideNetwork, trunk: "Trunk", place: tuple[str | int, ...]
) -> Iterator[OptionError]:
    """What is wrong with a side network, which stands beside every stack."""
    for field in wanted_fields(options.sites):
        yield OptionError((*place, "sites", field), "a side network stands beside all stacks", "leave it out")
    try:
        with below(*place):
            declared = declared_beside(network, trunk.backbone, options.scope)
    except OptionError as error:
        yield error
        return
    yield from _unknown_scopes(options, declared, place)


def _unknown_scopes(
    options: "AdapterOptions", declared: "Sequence[Part]", place: tuple[str | int, ...]
) -> Iterator[OptionError]:
    for unknown in unknown_patterns(options.scope, [part.name for part in declared]) if declared else ():
        yield OptionError((*place, *unknown.location), unknown.message, unknown.hint)


def _candidates(trunk: "Trunk", adapter: Adapter | Prefix, wanted: "SiteSelector") -> list["Site"]:
    """The sites that an adapter may act on: those of the backbone, and where it names stacks the encoders' too."""
    inside = [site for encoder in trunk.encoders.values() for site in encoder.sites()] if wanted.stack else []
    sites = [*trunk.backbone.sites(), *inside]
    kinds = tuple(adapter.kinds) if isinstance(adapter, Adapter) else ("attention",)
    if isinstance(adapter, Adapter) and (strange := set(kinds) - {"block", "projection", "norm"}):
        raise OptionError(
            ("kind",),
            f"it names the kind of site {sorted(strange)[0]!r}; adapters act at blocks, projections and norms",
        )
    return [site for site in sites if site.kind in kinds]


def unmatched(
    candidates: Sequence["Site"], wanted: "SiteSelector", key: str
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Each value of a selection that no chosen site has: something would be missing there unseen.

    Args:
        key: what the selection is called in the recipe.
    """
    chosen = select(candidates, wanted_fields(wanted))
    for field, values in wanted_fields(wanted).items():
        known = {getattr(site, field) for site in candidates} - {None}
        for number, value in enumerate(values):
            if any(getattr(site, field) == value for site in chosen):
                continue
            if value in known:
                message, hint = f"{field} {value!r} has no site that the other keys of `{key}` allow", "leave it out"
            else:
                message = f"no site of {'this adapter' if key == 'sites' else f'the {key}'} has the {field} {value!r}"
                hint = did_you_mean(str(value), map(str, known))

            yield (field, number), message, hint


def wanted_fields(sites: "SiteSelector") -> dict[str, list[str | int]]:
    """What a selection says, by field of a site."""
    return {field: values for field, values in sites if values is not None}


def sharing_rule(registry: "Registry", options: "Options", recipe: "Recipe") -> "Sharing":
    """The rule that a recipe names, for its tasks."""
    rule: Sharing = registry.build("sharing", options, tasks=tuple(recipe.tasks))
    return rule
