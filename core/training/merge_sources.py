"""What a weighted merge of saved grafts is made of: tasks of runs, each with a weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.saving import check_trunk, load_graft, read_facts
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.deltas import WeightedTask
from multigraft.core.run.artifact import open_artifact

if TYPE_CHECKING:
    from multigraft.core.model.model import Model
    from multigraft.core.model.trunk import Trunk
    from multigraft.core.registry.registry import Registry
    from multigraft.core.run.artifact import Artifact


@dataclass(frozen=True)
class MergeSource:
    """A task of a run or of an exported graft, and the weight of what its adapters add."""

    folder: Path
    task: str
    weight: float

    @property
    def name(self) -> str:
        """`FOLDER:TASK`."""
        return f"{self.folder}:{self.task}"


@dataclass(frozen=True)
class Opened:
    """A source that was found."""

    source: MergeSource
    saved: "Artifact"

    @property
    def name(self) -> str:
        """`FOLDER:TASK`."""
        return self.source.name

    @property
    def task(self) -> str:
        """Its name in the recipe."""
        return self.source.task


@dataclass(frozen=True)
class Filled(Opened):
    """A source whose graft is in memory."""

    model: "Model"

    @property
    def weighted(self) -> WeightedTask:
        """The same for adding up."""
        return WeightedTask(self.model.graft, self.task, self.source.weight, self.name)


def open_sources(sources: Sequence[MergeSource], registry: "Registry") -> list[Opened]:
    """Find the grafts of all sources.

    Raises:
        MultigraftError: there are none, one is named twice, a folder holds no graft, a graft has no such task, or has
            trained its backbone in place.
    """
    names = [source.name for source in sources]
    if not names:
        raise MultigraftError("name at least one task of a run and its weight, `RUN:TASK=WEIGHT`")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise MultigraftError(f"{twice} is named twice; give it one weight")
    saved = {source.folder: open_artifact(source.folder, registry) for source in sources}
    for source in sources:
        saved[source.folder].require(source.task)
        if saved[source.folder].recipe.graft.train.backbone:
            raise MultigraftError(f"{source.folder} has trained its backbone in place: what it adds is no adapter's")
    return [Opened(source, saved[source.folder]) for source in sources]


def fill_sources(opened: Sequence[Opened], trunk: "Trunk", registry: "Registry") -> list[Filled]:
    """Load the graft of each folder once, over one trunk.

    Raises:
        GraftError: one belongs to another trunk, or does not fit its recipe.
    """
    models: dict[Path, Model] = {}
    for each in opened:
        if each.source.folder not in models:
            models[each.source.folder] = _loaded(each.saved, trunk, registry)
    return [Filled(each.source, each.saved, models[each.source.folder]) for each in opened]


def _loaded(saved: "Artifact", trunk: "Trunk", registry: "Registry") -> "Model":
    check_trunk(saved.graft, read_facts(saved.graft)["trunk"], trunk.fingerprints)
    model = build_model(saved.recipe, registry, trunk, saved.tasks)
    allocate(model, torch.device("cpu"))
    load_graft(saved.graft, model.graft.bank, trunk.fingerprints)
    return model
