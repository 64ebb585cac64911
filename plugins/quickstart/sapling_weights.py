"""From a run of configs/sapling.yaml to the weights that multigraft ships."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from multigraft import MultigraftError, Registry, open_artifact, write_folder, writing

_OWNED = "backbone/backbone."


def write_sapling(run: Path, to: Path, registry: Registry) -> Path:
    """Write the whole trained backbone of a run as 16-bit safetensors, with what it was trained to.

    Raises:
        MultigraftError: the run trained no whole backbone, or the folder is there already.
    """
    if to.exists():
        raise MultigraftError(f"{to} is there already; name a new folder")
    saved = open_artifact(run, registry)
    stored = load_file(saved.graft / "shared.safetensors")
    tensors = {name.removeprefix(_OWNED): value for name, value in stored.items() if name.startswith(_OWNED)}
    if not tensors:
        raise MultigraftError(f"{run} trained no whole backbone; its recipe needs `graft.train.backbone: true`")

    def fill(folder: Path) -> None:
        save_file({name: value.to(torch.float16) for name, value in tensors.items()}, folder / "model.safetensors")
        results = json.loads((run / "results.json").read_text())
        facts = {"recipe": "configs/sapling.yaml", "steps": results["step"], "tasks": results["tasks"]}
        (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")

    with writing(to):
        write_folder(to, fill)
    return to
