"""`train.shard`: the trunk's layers lie shared out over the processes of a training, which go in lockstep."""

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import torch

from multigraft.core.model.lockstep import Lockstep
from multigraft.core.trunk.sharding import shard_layers

if TYPE_CHECKING:
    from accelerate import Accelerator

    from multigraft.core.run.open_run import OpenRun


def shard_trunk(run: "OpenRun", unlearned: Collection[str]) -> Lockstep | None:
    """Share out the layers of a run that wants it; what then makes its passes.

    Args:
        unlearned: tasks that go through passes without gradient.
    """
    if not run.recipe.train.shard:
        return None
    if run.accelerator.num_processes == 1:
        print("`train.shard: true` does nothing in a single process: the trunk lies whole in it", file=sys.stderr)
        return None
    model, backbone = run.model, run.model.backbone
    shard_layers(backbone, run.accelerator.device)
    entrances = [prompt.entrance for prompt in model.prompts]
    split = any((each.stack, each.place) == (backbone.predicts, "back") for each in entrances)
    return Lockstep(backbone, model.objectives, unlearned, split)


def missing_batches(own: int, accelerator: "Accelerator") -> int:
    """How many micro-batches fewer than another one this process has."""
    counts = accelerator.gather(torch.tensor([own], device=accelerator.device))
    return int(counts.max()) - own
