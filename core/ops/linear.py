"""Linear maps over one owner or many."""

from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear as plain_linear

from multigraft.core.ops.grouping import aligned
from multigraft.core.ops.precision import computed
from multigraft.core.types.grouped import Grouped, Operand


def linear(x: Tensor, weight: Operand, bias: Operand | None = None) -> Tensor:
    """`x weight^T + bias`: `(rows, ..., width_in)` to `(rows, ..., width_out)`.

    With several owners it is one node of the autograd graph: one product over a stack of the owners' weights where
    these are small and have equally many rows, else one for each over the owners' own tensors.

    Args:
        weight: `(width_out, width_in)` for each owner.
        bias: `(width_out,)` for each owner.
    """
    operands = [weight] if bias is None else [weight, bias]
    if not any(isinstance(operand, Grouped) for operand in operands):
        return plain_linear(x, weight, bias)  # type: ignore[arg-type]
    (weights, *biases), bounds = aligned(operands)
    x, *parts = computed(x, *weights, *(biases[0] if biases else ()))
    if torch.compiler.is_compiling():
        return _in_pieces(x, parts, bounds)
    node = _StackedLinear if _small_and_even(weights[0], bounds) else _GroupedLinear
    return node.apply(x, bounds, *parts)  # type: ignore[no-any-return]


def low_rank(x: Tensor, down: Operand, up: Operand) -> Tensor:
    """`x down^T up^T` with `(rank, width_in)` and `(width_out, rank)`, as in LoRA (Hu et al. 2022, section 4.1)."""
    return linear(linear(x, down), up)


def _in_pieces(x: Tensor, parts: list[Tensor], bounds: tuple[int, ...]) -> Tensor:
    """The same by operations that a compiler sees through."""
    count = len(bounds) - 1
    pieces = [
        plain_linear(x[bounds[n] : bounds[n + 1]], parts[n], parts[count + n] if len(parts) > count else None)
        for n in range(count)
    ]
    return torch.cat(pieces)


_SMALL = 8192
"""Numbers of a weight up to which copying it costs less than a call: measured in benchmarks/owners."""


def _small_and_even(weight: Tensor, bounds: tuple[int, ...]) -> bool:
    """Whether one product over a stack of the owners' weights pays."""
    rows = bounds[1] - bounds[0]
    return weight.numel() <= _SMALL and all(stop - start == rows for start, stop in pairwise(bounds))


class _StackedLinear(torch.autograd.Function):
    """For owners with equally many rows: one product over the stack of their weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bounds: tuple[int, ...], *parts: Tensor) -> Tensor:
        count = len(bounds) - 1
        flat, stacked = x.reshape(count, -1, x.shape[-1]), torch.stack(parts[:count])
        if len(parts) > count:
            output = torch.baddbmm(torch.stack(parts[count:])[:, None], flat, stacked.transpose(1, 2))
        else:
            output = torch.bmm(flat, stacked.transpose(1, 2))
        ctx.save_for_backward(flat, stacked)
        ctx.shape = x.shape
        return output.view(*x.shape[:-1], output.shape[-1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        flat, stacked = ctx.saved_tensors
        count, wanted = len(stacked), ctx.needs_input_grad
        came = gradients[0].reshape(count, -1, gradients[0].shape[-1])
        of_x = torch.bmm(came, stacked).view(ctx.shape) if wanted[0] else None
        of_parts: list[Tensor | None] = [None] * (len(wanted) - 2)
        if any(wanted[2 : 2 + count]):
            of_parts[:count] = torch.bmm(came.transpose(1, 2), flat).unbind(0)
        if any(wanted[2 + count :]):
            of_parts[count:] = came.sum(1).unbind(0)
        return (of_x, None, *of_parts)


class _GroupedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bounds: tuple[int, ...], *parts: Tensor) -> Tensor:
        count, each = len(bounds) - 1, prod(x.shape[1:-1])
        flat = x.reshape(-1, x.shape[-1])
        output = flat.new_empty(flat.shape[0], parts[0].shape[0])
        for number in range(count):
            rows = slice(bounds[number] * each, bounds[number + 1] * each)
            if len(parts) > count:
                torch.addmm(parts[count + number], flat[rows], parts[number].t(), out=output[rows])
            else:
                torch.mm(flat[rows], parts[number].t(), out=output[rows])
        ctx.save_for_backward(flat, *parts[:count])
        ctx.bounds, ctx.each, ctx.shape = bounds, each, x.shape
        return output.view(*x.shape[:-1], output.shape[-1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        flat, *weights = ctx.saved_tensors
        count, wanted = len(weights), ctx.needs_input_grad
        came = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_x = torch.empty_like(flat) if wanted[0] else None
        of_parts: list[Tensor | None] = [None] * (len(wanted) - 2)
        for number, weight in enumerate(weights):
            rows = slice(ctx.bounds[number] * ctx.each, ctx.bounds[number + 1] * ctx.each)
            if of_x is not None:
                torch.mm(came[rows], weight, out=of_x[rows])
            if wanted[2 + number]:
                of_parts[number] = came[rows].t() @ flat[rows]
            if len(of_parts) > count and wanted[2 + count + number]:
                of_parts[count + number] = came[rows].sum(0)
        return (None if of_x is None else of_x.view(ctx.shape), None, *of_parts)
