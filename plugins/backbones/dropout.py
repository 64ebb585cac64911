"""Dropout that takes few random numbers on a CPU, where torch makes them one by one."""

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS = 1 << 16


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Zero a share `rate` of the numbers, and scale the others up.

    On a CPU 16 random bits decide on each number, so the share is exact to 1 / 65536; elsewhere it is torch's.
    """
    dropped = round(rate * _LEVELS)
    if not training or x.device.type != "cpu" or not 0 < dropped < _LEVELS:
        return functional.dropout(x, rate, training)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = words.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - _LEVELS // 2
    return x * kept.to(x.dtype).mul_(_LEVELS / (_LEVELS - dropped))
