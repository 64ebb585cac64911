"""Whether a prefix keeps its contract: one row of keys and values, made of its parts alone."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from multigraft.core.interfaces.adapter import Prefix
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site

ATTENTION = Site(
    "encoder", 0, "self-attention", "attention", "memory", 8, 8, "attn", heads=4, memory_heads=2, head_width=3
)


def wrong_memory(prefix: Prefix, values: Mapping[str, Tensor], parts: list[Part]) -> Iterator[str]:
    """Everything that is wrong with the keys and values that a prefix makes of its parts."""
    trained = {part.name: values[part.name].clone().requires_grad_(part.trained) for part in parts}
    memory, again = prefix.memory(ATTENTION, trained), prefix.memory(ATTENTION, trained)
    for name, made in (("keys", memory.key), ("values", memory.value)):
        if made.dim() != 4 or (made.shape[0], made.shape[1], made.shape[3]) != (1, 2, 3) or not made.shape[2]:
            yield f"its {name} have shape {tuple(made.shape)}, not (1, memory heads 2, tokens, head width 3)"
            return
    if memory.key.shape != memory.value.shape:
        yield f"it gives {memory.key.shape[2]} keys and {memory.value.shape[2]} values"
    if not (torch.equal(memory.key, again.key) and torch.equal(memory.value, again.value)):
        yield "it gives another memory when asked again"
    total = memory.key.square().sum() + memory.value.square().sum()
    wanted = [part.name for part in parts if part.trained]
    found = torch.autograd.grad(total, [trained[name] for name in wanted], allow_unused=True)
    for name, gradient in zip(wanted, found, strict=True):
        if gradient is None or not gradient.any():
            yield f"no gradient reaches its part {name}"
