"""`per-task`: each task has its own (VL-Adapter's «multiple adapters», section 3.3)."""

from multigraft import Part, Sharing, Site
from multigraft.plugins.sharing.options import PerTaskOptions


class PerTask(Sharing):
    """Nothing is shared."""

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        """`task:NAME`."""
        return f"task:{task}"


def build(options: PerTaskOptions, tasks: tuple[str, ...]) -> PerTask:
    """The rule of a recipe."""
    return PerTask()
