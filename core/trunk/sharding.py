"""Shares the layers of a trunk's stacks out over the processes; each one is gathered when it runs, and let go then.

Every process must run the same layers in the same order, forward and backward (core/model/lockstep.py): a gathering
waits for all of them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from multigraft.core.interfaces.backbone import Backbone


def shard_layers(backbone: Backbone, device: torch.device) -> None:
    """Leave each process its share of every layer, over the process group that there is.

    What stacks read outside of their layers stays whole, and so does what several layers have in common.
    """
    from torch.distributed import get_world_size
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (get_world_size(),))
    layers = _layers(backbone)
    whole = {each for stack in backbone.stacks.values() for each in stack.outside_layers()} | _in_common(layers)
    for layer in layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=whole & set(layer.parameters()))
        layer.register_forward_pre_hook(_learn, prepend=True)


@contextmanager
def whole_layers(backbone: Backbone) -> Iterator[None]:
    """Gather all layers and keep them whole for passes that differ by process; all processes come here at once."""
    from torch.distributed.fsdp import FSDPModule

    sharded = [layer for layer in _layers(backbone) if isinstance(layer, FSDPModule)]
    for layer in sharded:
        layer.set_reshard_after_forward(False)
        layer.unshard()
    try:
        yield
    finally:
        for layer in sharded:
            layer.set_reshard_after_forward(True)
            layer.reshard()


def _layers(backbone: Backbone) -> list[nn.Module]:
    return [layer for stack in backbone.stacks.values() for layer in stack.layers]


def _in_common(layers: list[nn.Module]) -> set[nn.Parameter]:
    counts = Counter(parameter for layer in layers for parameter in set(layer.parameters()))
    return {parameter for parameter, count in counts.items() if count > 1}


def _learn(layer: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Let a layer's input require a gradient, so that its backward pass comes whatever the graft acts on."""
    x, *others = arguments
    if torch.is_grad_enabled() and not x.requires_grad:
        x = x.detach().requires_grad_()
    return (x, *others)
