"""Side networks of a recipe, beside every stack of the backbone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from multigraft.core.graft.scope import widened
from multigraft.core.graft.side import SideOfStack
from multigraft.core.interfaces.side_network import BesideStack, SideNetwork

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.types.part import Part, Scope
    from multigraft.core.types.site import Site


def sides_of(network: SideNetwork, backbone: "Backbone") -> "dict[Site, SideOfStack]":
    """What a side network has beside all stacks, by site.

    Raises:
        MultigraftError: the backbone has no layers of that width.
    """
    sides = (SideOfStack.of(network, backbone, stack) for stack in stacks_of(backbone))
    return {site: side for side in sides for site in side.sites}


def declared_beside(network: SideNetwork, backbone: "Backbone", scope: "Mapping[str, Scope]") -> "list[Part]":
    """All parts of a side network, with the scopes widened.

    Raises:
        MultigraftError: the backbone has no layers of that width, or a scope is narrower than a part's own.
    """
    return [widened(part, scope) for site, side in sides_of(network, backbone).items() for part in side.parts(site)]


def stacks_of(backbone: "Backbone") -> list[BesideStack]:
    """The stacks of a backbone, as a network beside them is told of them."""
    read = {stack.memory for stack in backbone.stacks.values()}
    return [
        BesideStack(name, backbone.width, len(stack.layers), name not in read)
        for name, stack in backbone.stacks.items()
    ]
