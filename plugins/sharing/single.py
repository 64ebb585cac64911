"""`single`: one tensor for all tasks (VL-Adapter, section 3.3)."""

from multigraft import SHARED, Part, Sharing, Site
from multigraft.plugins.sharing.options import SingleOptions


class Single(Sharing):
    """Everything is shared."""

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        """`shared`."""
        return SHARED


def build(options: SingleOptions, tasks: tuple[str, ...]) -> Single:
    """The rule of a recipe."""
    return Single()
