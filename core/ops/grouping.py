"""Several operands over the same stretches of rows."""

from collections.abc import Callable, Sequence

from torch import Tensor

from multigraft.core.types.grouped import Grouped, Operand


def aligned(operands: Sequence[Operand]) -> tuple[list[tuple[Tensor, ...]], tuple[int, ...]]:
    """The values of each operand for every stretch of rows in which none of them changes, and the bounds of these.

    At least one operand must be `Grouped`.
    """
    grouped = [operand for operand in operands if isinstance(operand, Grouped)]
    bounds = grouped[0].bounds
    if any(operand.bounds != bounds for operand in grouped[1:]):
        bounds = tuple(sorted({bound for operand in grouped for bound in operand.bounds}))
    return [_values(operand, bounds) for operand in operands], bounds


def _values(operand: Operand, bounds: tuple[int, ...]) -> tuple[Tensor, ...]:
    if not isinstance(operand, Grouped):
        return (operand,) * (len(bounds) - 1)
    if operand.bounds == bounds:
        return operand.values
    return tuple(operand.at(start) for start in bounds[:-1])


def map(function: Callable[..., Tensor], *operands: Operand) -> Operand:  # noqa: A001 - the field's word
    """`function` of the operands' tensors, owner by owner; once where all rows have one owner.

    For what is made of parts alone, such as a weight from factors: `map(torch.matmul, left, right)`.
    """
    if not any(isinstance(operand, Grouped) for operand in operands):
        return function(*operands)
    values, bounds = aligned(operands)
    return Grouped(tuple(function(*each) for each in zip(*values, strict=True)), bounds)
