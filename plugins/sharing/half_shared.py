"""`half-shared`: the parts named are shared, the rest belongs to the task (VL-Adapter, section 3.3)."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from multigraft import SHARED, Part, Sharing, Site
from multigraft.plugins.sharing.options import HalfSharedOptions


class HalfShared(Sharing):
    """Shared for some parts, per task for the rest."""

    def __init__(self, patterns: list[str]) -> None:
        self.patterns = patterns

    def task_scope(self, task: str, site: Site, part: Part) -> str:
        """`shared` for a part that a pattern names, else `task:NAME`."""
        return SHARED if self._shares(part.name) else f"task:{task}"

    def refuse(self, parts: Mapping[str, Part]) -> str | None:
        """Refused where the patterns name no part, or all of them."""
        shared = [name for name in parts if self._shares(name)]
        if shared and len(shared) < len(parts):
            return None
        which = "every part" if shared else "no part"
        return f"half-shared {self.patterns} shares {which} of {list(parts)}; use `single` or `per-task`"

    def unused(self, parts: Sequence[str]) -> list[str]:
        """Patterns that name no part."""
        return [pattern for pattern in self.patterns if not any(fnmatchcase(part, pattern) for part in parts)]

    def _shares(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


def build(options: HalfSharedOptions, tasks: tuple[str, ...]) -> HalfShared:
    """The rule of a recipe."""
    return HalfShared(options.shared)
