"""Every operation of `multigraft.ops` equals a plain loop over rows, values and gradients, wherever it runs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.checkpoint import checkpoint

from multigraft import ops

NAMES = ["linear", "linear without bias", "low_rank", "scale", "shift", "phm", "map"]
EXAMPLES = settings(max_examples=25, deadline=None)
APART = [(0, 1, 4, 6), (0, 4, 5, 6)]
"""Bounds of two operands whose owners change at different rows."""


def compare(ours, theirs, **tolerance):
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.double(), other.double(), **tolerance)


@pytest.fixture(params=NAMES, scope="session")
def case(request, operations):
    return operations.CASES[request.param]


def test_all_operations_are_here(operations):
    assert set(ops.__all__) - {"Grouped", "Operand"} == {name.split()[0] for name in operations.CASES}
    assert set(operations.CASES) == set(NAMES)


@EXAMPLES
@given(data=st.data())
def test_values_and_gradients(case, operations, data):
    operation, plain, shapes = case
    bounds = data.draw(operations.owners(len(shapes)))
    given_ = operations.tensors(shapes, bounds)
    compare(operations.with_gradients(operation, *given_), operations.with_gradients(plain, *given_))


@EXAMPLES
@given(data=st.data())
def test_single_precision(case, operations, data):
    operation, plain, shapes = case
    bounds = data.draw(operations.owners(len(shapes)))
    ours = operations.with_gradients(operation, *operations.tensors(shapes, bounds, torch.float32))
    assert {value.dtype for value in ours} == {torch.float32}
    compare(ours, operations.with_gradients(plain, *operations.tensors(shapes, bounds)), atol=1e-4, rtol=1e-4)


def test_derivatives_by_differences(case, operations):
    operation, _, shapes = case
    _, operands, leaves = operations.tensors(shapes, APART[: len(shapes)])

    def run(*values):
        taken = iter(values[1:])
        own = [ops.Grouped(tuple(next(taken) for _ in each.values), each.bounds) for each in operands]
        return operation(values[0], *own)

    assert torch.autograd.gradcheck(run, leaves)


def test_only_what_is_trained_gets_a_gradient(case, operations):
    operation, plain, shapes = case
    x, operands, leaves = operations.tensors(shapes, APART[: len(shapes)])
    for frozen in (leaves[0], leaves[2]):
        frozen.requires_grad_(False)
    trained = [leaf for leaf in leaves if leaf.requires_grad]
    compare(
        operations.with_gradients(operation, x, operands, trained),
        operations.with_gradients(plain, x, operands, trained),
    )


@pytest.mark.parametrize("bounds", [APART, [None, APART[0]], [APART[1], None], [None, None]])
def test_under_autocast(case, operations, bounds):
    operation, plain, shapes = case
    x, operands, leaves = operations.tensors(shapes, bounds[: len(shapes)], torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        ours = operations.with_gradients(operation, x, operands, leaves)
        looped = operations.with_gradients(plain, x, operands, leaves)
    assert [value.dtype for value in ours] == [value.dtype for value in looped]
    compare(
        ours, operations.with_gradients(plain, *operations.tensors(shapes, bounds[: len(shapes)])), atol=0.2, rtol=0.05
    )


@pytest.mark.parametrize("bounds", [APART, [None, APART[0]], [APART[1], None], [None, None]])
def test_computed_again(case, operations, bounds):
    operation, plain, shapes = case
    x, operands, leaves = operations.tensors(shapes, bounds[: len(shapes)])
    ours = operations.with_gradients(
        lambda x, *own: checkpoint(operation, x, *own, use_reentrant=False), x, operands, leaves
    )
    compare(ours, operations.with_gradients(plain, x, operands, leaves))


@pytest.mark.parametrize("bounds", [APART, [None, APART[0]], [None, None]], ids=["grouped", "mixed", "shared"])
def test_compiled_as_one_graph(case, operations, bounds):
    operation, plain, shapes = case
    torch._dynamo.reset()
    x, operands, leaves = operations.tensors(shapes, bounds[: len(shapes)])
    whole = torch.compile(operation, fullgraph=True, backend="aot_eager")
    compare(
        operations.with_gradients(whole, x, operands, leaves), operations.with_gradients(plain, x, operands, leaves)
    )


def test_one_node_of_the_graph_for_all_owners(operations):
    for name in ("linear", "scale", "shift"):
        operation, _, shapes = operations.CASES[name]
        x, operands, _ = operations.tensors(shapes, APART[:1] * len(shapes))
        assert type(operation(x, *operands).grad_fn).__name__.startswith("_Grouped")
