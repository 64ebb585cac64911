"""Owners: who a tensor of the graft belongs to."""

from dataclasses import dataclass

SHARED = "shared"


@dataclass(frozen=True, order=True)
class Owner:
    """Who owns a tensor: `task_scope` is `shared`, `task:NAME` or `group:NAME`; `site_scope` is the site's name, or
    something wider (`model`, a stack) when one tensor serves several sites."""

    task_scope: str
    site_scope: str
