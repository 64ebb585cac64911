"""`single`: one tensor for all tasks (VL-Adapter, section 3.3)."""

from multigraft.core.graft.part import Part
from multigraft.core.graft.site import Site
from multigraft.core.interfaces.sharing import SHARED, Owner, Sharing
from multigraft.plugins.sharing.options import SingleOptions


class Single(Sharing):
    """Everything is shared."""

    def owner(self, task: str, site: Site, part: Part) -> Owner:
        """`shared` at the site."""
        return Owner(SHARED, site.name)


def build(options: SingleOptions, tasks: tuple[str, ...]) -> Single:
    """The rule of a recipe."""
    return Single()
