"""Gradients over several processes: one flat all-reduce, with presence bits.

A tensor's gradient is present if any process has one. Processes whose batches lacked its task add nothing to it, and a
tensor that no process used keeps no gradient, so the optimizer leaves it alone everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from accelerate import Accelerator


def reduce_gradients(parameters: Sequence[nn.Parameter], accelerator: "Accelerator") -> None:
    """Replace every gradient by its sum over the processes."""
    if accelerator.num_processes == 1:
        return
    pieces = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    bits = torch.tensor([float(p.grad is not None) for p in parameters], device=accelerator.device)
    flat = accelerator.reduce(torch.cat([*(piece.flatten() for piece in pieces), bits]), "sum")
    sums, present = flat[: -len(parameters)], flat[-len(parameters) :]
    for parameter, total, bit in zip(parameters, sums.split([p.numel() for p in pieces]), present, strict=True):
        parameter.grad = total.view_as(parameter).clone() if bit > 0 else None


def reduce_sums(sums: Mapping[str, float], tasks: Sequence[str], accelerator: "Accelerator") -> dict[str, float]:
    """Sum of each task's number over the processes; tasks that none of them has are left out."""
    if accelerator.num_processes == 1:
        return dict(sums)
    rows: Tensor = torch.tensor([[sums.get(task, 0.0), float(task in sums)] for task in tasks], dtype=torch.float64)
    total = accelerator.reduce(rows.to(accelerator.device), "sum").tolist()
    return {task: value for task, (value, seen) in zip(tasks, total, strict=True) if seen}
