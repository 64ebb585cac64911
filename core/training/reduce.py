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


def reduce_gradients(parameters: Sequence[nn.Parameter], accelerator: "Accelerator") -> Tensor | None:
    """Replace every gradient by its sum over the processes.

    Returns:
        For each parameter, how many processes had a gradient; still on the device. None for a single process.
    """
    if accelerator.num_processes == 1:
        return None
    had = torch.tensor([float(p.grad is not None) for p in parameters]).to(accelerator.device)
    pieces = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = accelerator.reduce(torch.cat([piece.flatten() for piece in pieces]), "sum")
    for parameter, total in zip(parameters, flat.split([p.numel() for p in pieces]), strict=True):
        parameter.grad = total.view_as(parameter).clone()
    return had


def drop_absent(parameters: Sequence[nn.Parameter], had: Sequence[float]) -> None:
    """Leave parameters without gradient that had none in any process."""
    for parameter, processes in zip(parameters, had, strict=True):
        if processes == 0:
            parameter.grad = None


def reduce_sums(sums: Mapping[str, float], tasks: Sequence[str], accelerator: "Accelerator") -> dict[str, float]:
    """Sum of each task's number over the processes; tasks that none of them has are left out."""
    if accelerator.num_processes == 1:
        return dict(sums)
    rows: Tensor = torch.tensor([[sums.get(task, 0.0), float(task in sums)] for task in tasks], dtype=torch.float64)
    total = accelerator.reduce(rows.to(accelerator.device), "sum").tolist()
    return {task: value for task, (value, seen) in zip(tasks, total, strict=True) if seen}
