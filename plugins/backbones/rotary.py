"""Rotary position embeddings (Su et al. 2021), in the halves that Llama's weights are stored for."""

from dataclasses import dataclass

import torch
from torch import Tensor

from multigraft.stacks import LayerInputs


@dataclass(frozen=True)
class RotaryInputs(LayerInputs):
    """With the angles of the tokens' positions."""

    cos: Tensor | None = None
    """`(rows or 1, 1, tokens, head width)`."""
    sin: Tensor | None = None
    """As `cos`."""


def rotated(x: Tensor, shared: LayerInputs) -> Tensor:
    """Queries or keys `(rows, heads, tokens, head width)`, turned to their positions."""
    if not isinstance(shared, RotaryInputs) or shared.cos is None or shared.sin is None:
        raise ValueError("rotary attention needs the angles of its tokens")
    first, second = x.chunk(2, -1)
    return (x * shared.cos + torch.cat([-second, first], -1) * shared.sin).to(x.dtype)
