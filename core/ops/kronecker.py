"""Sums of Kronecker products (PHM, Zhang et al. 2021, equation 3)."""

import torch
from torch import Tensor

from multigraft.core.ops.grouping import map  # noqa: A004
from multigraft.core.types.grouped import Operand


def phm(rule: Operand, factors: Operand) -> Operand:
    """The weight `sum_i rule_i (x) factors_i` of a parameterised hypercomplex multiplication.

    Args:
        rule: `(n, n, n)` for each owner.
        factors: `(n, width_in / n, width_out / n)` for each owner.

    Returns:
        `(width_in, width_out)` for each owner: the layer is `x weight + bias`.
    """
    return map(_kronecker_sum, rule, factors)


def _kronecker_sum(rule: Tensor, factors: Tensor) -> Tensor:
    n, rows, columns = factors.shape
    return torch.einsum("iab,icd->acbd", rule, factors).reshape(n * rows, n * columns)
