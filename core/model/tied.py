"""A number whose backward pass goes through tensors that it does not depend on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def tied(total: Tensor, to: Sequence[Tensor]) -> Tensor:
    """The same number; its backward pass goes through these too, with gradients of zero."""
    found: Tensor = _Tied.apply(total, *(each for each in to if each.requires_grad))
    return found


class _Tied(torch.autograd.Function):
    """A number that depends on tensors by a derivative of zero."""

    @staticmethod
    def forward(ctx: Any, total: Tensor, *to: Tensor) -> Tensor:
        ctx.zeros = [each.new_zeros(()).expand(each.shape) for each in to]
        return total.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return (gradients[0], *ctx.zeros)
