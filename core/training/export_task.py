"""Exporting: one task's part of a graft, in a folder that `predict` can use alone."""

from pathlib import Path

from multigraft.core.atomic import write_folder, writing
from multigraft.core.errors import MultigraftError
from multigraft.core.graft.saving import load_graft, read_facts, save_graft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.registry.registry import Registry
from multigraft.core.run.artifact import Artifact


def export_task(saved: Artifact, task: str, to: Path, registry: Registry) -> Path:
    """Write what `task` needs of a saved graft to a new folder.

    Raises:
        MultigraftError: no such task, the folder is there already, or it cannot be written; nothing is left of it then.
    """
    import torch

    saved.require(task)
    if to.exists():
        raise MultigraftError(f"{to} is there already; name a new folder")
    trunk = build_trunk(saved.recipe, registry)
    model = build_model(saved.recipe, registry, trunk, saved.tasks)
    allocate(model, torch.device("cpu"))
    load_graft(saved.graft, model.graft.bank, trunk.fingerprints)
    facts = {**read_facts(saved.graft), "tasks": [task]}

    def fill(folder: Path) -> None:
        save_graft(folder / "graft", model.graft.bank, facts, model.graft.keys_of(task))
        (folder / "recipe.yaml").write_text(dump_recipe(saved.recipe))

    with writing(to):
        write_folder(to, fill)
    return to
