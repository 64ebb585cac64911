"""Saved grafts in memory, over one trunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from multigraft.core.data.decode import DecodeWorkers, MediaDecoder
from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.file_media import MediaReader
from multigraft.core.graft.saving import load_graft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.devices import device_of
from multigraft.core.model.trunk import Trunk, build_trunk
from multigraft.core.registry.inputs import build_input
from multigraft.core.run.artifact import Artifact, open_artifact

if TYPE_CHECKING:
    from multigraft.core.interfaces.evaluator import Said
    from multigraft.core.interfaces.input import Input
    from multigraft.core.interfaces.objective import TaskBatch, TaskOutputs
    from multigraft.core.interfaces.task import Task
    from multigraft.core.model.model import Model
    from multigraft.core.registry.registry import Registry


@dataclass(frozen=True)
class Loaded:
    """A saved graft with what reads questions for it."""

    saved: Artifact
    model: "Model"
    tasks: Mapping[str, "Task"]
    reader: MediaReader

    def said(self, rows: "TaskBatch", outputs: "TaskOutputs") -> list["Said"]:
        """What the task's evaluator says."""
        return self.model.evaluators[rows.task].answer(rows, outputs)

    def scores(self, rows: "TaskBatch", outputs: "TaskOutputs", texts: Sequence[Sequence[str]]) -> list[list[float]]:
        """Log-probabilities of each row's texts.

        Raises:
            MultigraftError: a text is none of the labels that the task sorts rows into.
        """
        return self.model.evaluators[rows.task].score(rows, outputs, texts)

    def features(self, rows: "TaskBatch", outputs: "TaskOutputs") -> Mapping[str, Tensor]:
        """The vectors that the task's objective trains.

        Raises:
            MultigraftError: it trains none.
        """
        every = [each.objective for each in self.model.objectives[rows.task]]
        objective = next((each for each in every if each.embeds), None)
        if objective is None:
            raise MultigraftError(f"the objective of task {rows.task!r} trains no vectors of texts or media")
        return objective.embeddings(rows, outputs)


def load_all(folders: Mapping[str, Path], registry: "Registry") -> dict[str, Loaded]:
    """Load saved grafts by their names, all over the trunk of the first.

    Raises:
        MultigraftError: there is none, a folder holds none, their trunks differ, or one has trained the trunk itself.
    """
    saved = {name: open_artifact(folder, registry) for name, folder in folders.items()}
    if not saved:
        raise MultigraftError("name the folder of at least one graft")
    first = next(iter(saved.values()))
    for each in saved.values():
        _refuse_other_trunk(each, first, len(saved))
    trunk = build_trunk(first.recipe, registry)
    return {name: _load(each, trunk, registry) for name, each in saved.items()}


def _load(saved: Artifact, trunk: Trunk, registry: "Registry") -> Loaded:
    recipe = saved.recipe
    model = build_model(recipe, registry, trunk, saved.tasks)
    allocate(model, device_of(recipe.device))
    load_graft(saved.graft, model.graft.bank, trunk.fingerprints)
    inputs: list[Input] = [build_input(registry, each) for each in recipe.inputs]
    decoder = MediaDecoder(inputs, trunk.preparations, DecodeWorkers(deadline=recipe.data.deadline))
    tasks: dict[str, Task] = {name: registry.build("tasks", recipe.tasks[name]) for name in saved.tasks}
    own_tokens = any(s.name in model.graft.sites for each in trunk.encoders.values() for s in each.sites())
    return Loaded(saved, model, tasks, MediaReader(inputs, decoder, own_tokens))


def _refuse_other_trunk(saved: Artifact, first: Artifact, count: int) -> None:
    ours, theirs = saved.recipe, first.recipe
    if (ours.trunk.modalities, ours.trunk.backbone) != (theirs.trunk.modalities, theirs.trunk.backbone):
        raise MultigraftError(f"{saved.folder} has another trunk than {first.folder}, and they answer over one")
    if (ours.device, ours.train.precision) != (theirs.device, theirs.train.precision):
        raise MultigraftError(f"{saved.folder} is computed in another precision or place than {first.folder}")
    trained = {"backbone": ours.graft.train.backbone, "encoder": bool(ours.graft.train.encoder)}
    if count > 1 and (moved := " and ".join(name for name, is_trained in trained.items() if is_trained)):
        raise MultigraftError(f"{saved.folder} has trained its {moved} in place, and no other graft fits over it")
