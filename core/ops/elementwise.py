"""Scales and shifts of channels over one owner or many."""

from typing import Any

import torch
from torch import Tensor

from multigraft.core.ops.grouping import aligned
from multigraft.core.types.grouped import Grouped, Operand


def scale(x: Tensor, vector: Operand) -> Tensor:
    """`x * vector`: `(rows, ..., width)` times `(width,)` of each row's owner."""
    return _by_owner(torch.mul, _GroupedScale, x, vector)


def shift(x: Tensor, vector: Operand) -> Tensor:
    """`x + vector`: `(rows, ..., width)` plus `(width,)` of each row's owner."""
    return _by_owner(torch.add, _GroupedShift, x, vector)


def _by_owner(plain: Any, node: Any, x: Tensor, vector: Operand) -> Tensor:
    if not isinstance(vector, Grouped):
        return plain(x, vector)  # type: ignore[no-any-return]
    (values,), bounds = aligned([vector])
    dtype = torch.promote_types(x.dtype, values[0].dtype)
    x, values = x.to(dtype), tuple(value.to(dtype) for value in values)
    if torch.compiler.is_compiling():
        return torch.cat([plain(x[bounds[n] : bounds[n + 1]], value) for n, value in enumerate(values)])
    return node.apply(x, bounds, *values)  # type: ignore[no-any-return]


def _filled(function: Any, x: Tensor, bounds: tuple[int, ...], values: tuple[Tensor, ...]) -> Tensor:
    output = torch.empty_like(x)
    for number, value in enumerate(values):
        rows = slice(bounds[number], bounds[number + 1])
        function(x[rows], value, out=output[rows])
    return output


class _GroupedScale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bounds: tuple[int, ...], *values: Tensor) -> Tensor:
        ctx.save_for_backward(x, *values)
        ctx.bounds = bounds
        return _filled(torch.mul, x, bounds, values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, *values = ctx.saved_tensors
        came, wanted = gradients[0], ctx.needs_input_grad
        of_x = _filled(torch.mul, came, ctx.bounds, tuple(values)) if wanted[0] else None
        of_values = [
            _summed(came[start:stop] * x[start:stop]) if wanted[2 + number] else None
            for number, (start, stop) in enumerate(zip(ctx.bounds, ctx.bounds[1:], strict=False))
        ]
        return (of_x, None, *of_values)


class _GroupedShift(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bounds: tuple[int, ...], *values: Tensor) -> Tensor:
        ctx.bounds = bounds
        return _filled(torch.add, x, bounds, values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        came, wanted = gradients[0], ctx.needs_input_grad
        of_values = [
            _summed(came[start:stop]) if wanted[2 + number] else None
            for number, (start, stop) in enumerate(zip(ctx.bounds, ctx.bounds[1:], strict=False))
        ]
        return (came if wanted[0] else None, None, *of_values)


def _summed(gradient: Tensor) -> Tensor:
    return gradient.reshape(-1, gradient.shape[-1]).sum(0)
