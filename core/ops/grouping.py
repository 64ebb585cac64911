"""Several operands over the same stretches of rows."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from torch import Tensor

from multigraft.core.types.grouped import Grouped, Operand

K = TypeVar("K")


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


def by_owner(
    parts: Mapping[K, Operand], others: Sequence[Operand] = ()
) -> list[tuple[int, int, dict[K, Tensor]]] | None:
    """Stretches of rows that share the owners of all parts and `others`: first row, last row, the parts' tensors.

    None where all rows do.
    """
    grouped = [operand for operand in (*parts.values(), *others) if isinstance(operand, Grouped)]
    if not grouped:
        return None
    bounds = sorted({bound for operand in grouped for bound in operand.bounds})
    return [
        (start, stop, {name: at(operand, start) for name, operand in parts.items()}) for start, stop in pairwise(bounds)
    ]


def at(operand: Operand, row: int) -> Tensor:
    """The tensor of a row."""
    return operand.at(row) if isinstance(operand, Grouped) else operand


def rebound(operand: Operand, places: Mapping[int, int]) -> Operand:
    """The operand for rows whose bounds have moved."""
    return operand.rebound(places) if isinstance(operand, Grouped) else operand
