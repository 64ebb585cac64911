"""`single`: one tensor for all tasks (VL-Adapter, section 3.3)."""

from multigraft import SHARED, Owner, Part, Sharing, Site
from multigraft.plugins.sharing.options import SingleOptions


class Single(Sharing):
    """Everything is shared."""

    def owner(self, task: str, site: Site, part: Part) -> Owner:
        """`shared` at the site."""
        return Owner(SHARED, site.name)


def build(options: SingleOptions, tasks: tuple[str, ...]) -> Single:
    """The rule of a recipe."""
    return Single()
