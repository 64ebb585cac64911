"""Rows of several processes side by side, with gradients."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import pad


def gather_tensor(x: Tensor, counts: Sequence[int], rank: int) -> Tensor:
    """The rows of all processes, in their order; called by all at once.

    Where gradients are kept, the backward pass adds up what all processes ask of a row, so that it must be gone through
    by all: by one that has no rows too.

    Args:
        x: own rows, `(counts[rank], ...)`.
        counts: rows of each process.
    """
    if not torch.is_grad_enabled() or not x.is_floating_point():
        return _gathered(x, counts)
    anchor = torch.zeros((), device=x.device, requires_grad=True)
    together: Tensor = _Gather.apply(anchor, x, tuple(counts), rank)
    return together


def _gathered(x: Tensor, counts: Sequence[int]) -> Tensor:
    most = max(counts)
    padded = pad(x.detach(), [0, 0] * (x.dim() - 1) + [0, most - x.shape[0]]).contiguous()
    pieces = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(pieces, padded)
    return torch.cat([piece[:count] for piece, count in zip(pieces, counts, strict=True)])


class _Gather(torch.autograd.Function):
    """Gathers forward, and adds up backward."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, x: Tensor, counts: tuple[int, ...], rank: int) -> Tensor:
        ctx.start, ctx.rows = sum(counts[:rank]), counts[rank]
        return _gathered(x, counts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return None, total[ctx.start : ctx.start + ctx.rows], None, None
