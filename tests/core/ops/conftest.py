"""Operands with random owners, and the plain loop over rows that every operation must equal."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import strategies as st
from torch.nn.functional import linear

from multigraft import ops

ROWS, TOKENS, WIDTH, OUT, RANK, N = 6, 3, 4, 6, 2, 2


def at(operand, row):
    return operand.at(row) if isinstance(operand, ops.Grouped) else operand


def of_rows(function):
    """`function(rows of x, tensors of their owner)`, row by row."""
    return lambda x, *operands: torch.cat(
        [function(x[row : row + 1], *(at(operand, row) for operand in operands)) for row in range(len(x))]
    )


def kronecker(rule, factors):
    return sum(torch.kron(one, other) for one, other in zip(rule, factors, strict=True))


def multiplied(x, rule, factors):
    return ops.linear(x, ops.map(torch.t, ops.phm(rule, factors)))


def made(x, left, right):
    return ops.linear(x, ops.map(torch.matmul, left, right))


CASES = {
    "linear": (ops.linear, of_rows(linear), [(OUT, WIDTH), (OUT,)]),
    "linear without bias": (ops.linear, of_rows(linear), [(OUT, WIDTH)]),
    "low_rank": (ops.low_rank, of_rows(lambda x, down, up: x @ down.t() @ up.t()), [(RANK, WIDTH), (OUT, RANK)]),
    "scale": (ops.scale, of_rows(lambda x, vector: x * vector), [(WIDTH,)]),
    "shift": (ops.shift, of_rows(lambda x, vector: x + vector), [(WIDTH,)]),
    "phm": (
        multiplied,
        of_rows(lambda x, rule, factors: x @ kronecker(rule, factors)),
        [(N, N, N), (N, WIDTH // N, OUT // N)],
    ),
    "map": (made, of_rows(lambda x, left, right: x @ (left @ right).t()), [(OUT, RANK), (RANK, WIDTH)]),
}
"""Name -> (the operation, the plain loop, shapes of its operands)."""


@st.composite
def owners(draw, operands):
    """For each operand the bounds of its owners' rows, or None where all rows have one."""
    inner = st.lists(st.integers(1, ROWS - 1), min_size=1, max_size=ROWS - 1, unique=True).map(sorted)
    return [draw(st.none() | inner.map(lambda within: (0, *within, ROWS))) for _ in range(operands)]


def tensors(shapes, bounds, dtype=torch.float64):
    """`x`, the operands, and all leaves, with gradients; the same values for every dtype."""
    generator = torch.Generator().manual_seed(0)

    def leaf(shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    leaves = [leaf((ROWS, TOKENS, WIDTH))]
    operands = []
    for shape, places in zip(shapes, bounds, strict=True):
        values = tuple(leaf(shape) for _ in range(len(places) - 1 if places else 1))
        leaves += values
        operands.append(ops.Grouped(values, places) if places else values[0])
    return leaves[0], operands, leaves


def with_gradients(run, x, operands, leaves):
    """What comes out, and the gradients of a sum in which every number counts differently."""
    output = run(x, *operands)
    weights = torch.arange(output.numel(), dtype=output.dtype).reshape(output.shape) / output.numel()
    return [output.detach(), *torch.autograd.grad((output * weights).sum(), leaves)]


@pytest.fixture(scope="session")
def operations():
    return SimpleNamespace(CASES=CASES, owners=owners, tensors=tensors, with_gradients=with_gradients)
