"""What was trained and saved: the folder of a run, or an exported one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from multigraft.core.graft.saving import GraftError, read_facts
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.plugin_use import KEY, refuse_absent_plugins
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.run.run_folder import saved_graft
from multigraft.core.suggest import did_you_mean, nearest_file


@dataclass(frozen=True)
class Artifact:
    """A graft on disk with its recipe."""

    folder: Path
    graft: Path
    """Folder with `graft.json`."""
    recipe: Recipe
    tasks: tuple[str, ...]
    """The tasks it can do; fewer than the recipe's after an export."""
    media: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Kinds of media that each task was trained on, where that is known."""

    @property
    def step(self) -> int | None:
        """Steps that the graft was trained for; unknown of an exported one."""
        name = self.graft.parent.name
        return int(name) if name.isdigit() and self.graft.parent.parent == self.folder / "checkpoints" else None

    def require(self, task: str) -> None:
        """Refuse a task that the graft cannot do.

        Raises:
            GraftError: with the tasks there are.
        """
        if task not in self.tasks:
            raise GraftError(f"{self.folder} has no task {task!r}; {did_you_mean(task, self.tasks)}")


def open_artifact(folder: Path, registry: Registry) -> Artifact:
    """Find the newest graft of a run folder, or that of an exported folder.

    Raises:
        GraftError: there is none.
        MultigraftError: it was made with a plugin that is not loaded.
    """
    if not folder.is_dir():
        raise GraftError(f"no folder {folder}{nearest_file(folder)}")
    recipe_file = folder / "recipe.yaml"
    graft = saved_graft(folder)
    if graft is None or not recipe_file.is_file():
        raise GraftError(f"{folder} is neither the folder of a run with a checkpoint nor an exported one")
    facts = read_facts(graft)
    refuse_absent_plugins(folder, facts[KEY], registry)
    return Artifact(folder, graft, load_recipe(recipe_file, (), registry), tuple(facts["tasks"]), facts["media"])
