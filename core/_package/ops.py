"""Maths over parts with one owner or many, for adapters that say `grouped = True`."""

from multigraft.core.ops.elementwise import scale, shift
from multigraft.core.ops.grouping import map  # noqa: A004
from multigraft.core.ops.kronecker import phm
from multigraft.core.ops.linear import linear, low_rank
from multigraft.core.types.grouped import Grouped, Operand

__all__ = ["Grouped", "Operand", "linear", "low_rank", "map", "phm", "scale", "shift"]
