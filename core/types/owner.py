"""Owners: who a tensor of the graft belongs to."""

from dataclasses import dataclass

from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

SHARED = "shared"


@dataclass(frozen=True, order=True)
class Owner:
    """Who owns a tensor: `task_scope` is `shared`, `task:NAME` or `group:NAME`; `site_scope` is the site's name, or
    something wider (`model`, a stack) when one tensor serves several sites."""

    task_scope: str
    site_scope: str


def place_of(site: Site, part: Part) -> str:
    """The site scope that a part asks for: the name of its site, layer or stack, or `model`."""
    if part.scope == "layer" and site.layer is not None:
        return f"{site.stack}.{site.layer}"
    return {"site": site.name, "model": "model"}.get(part.scope, site.stack)
