"""`per-task`: each task has its own (VL-Adapter's «multiple adapters», section 3.3)."""

from multigraft import Owner, Part, Sharing, Site
from multigraft.plugins.sharing.options import PerTaskOptions


class PerTask(Sharing):
    """Nothing is shared."""

    def owner(self, task: str, site: Site, part: Part) -> Owner:
        """`task:NAME` at the site."""
        return Owner(f"task:{task}", site.name)


def build(options: PerTaskOptions, tasks: tuple[str, ...]) -> PerTask:
    """The rule of a recipe."""
    return PerTask()
