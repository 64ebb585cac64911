"""Parameter-free pooling of visual tokens."""

from dataclasses import dataclass
from math import isqrt
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool1d, adaptive_max_pool2d

from multigraft import TokenLayout

Pool = Literal["max", "mean"]


@dataclass(frozen=True)
class Pooled:
    """What becomes of the tokens of a picture that are not in front."""

    count: int
    grid: tuple[int, int] | None
    """Rows and columns after pooling; None where the tokens are pooled in a row."""


def plan_pooling(layout: TokenLayout, most: int) -> Pooled:
    """At most `most` tokens: the grid as it is if it is small enough, else a grid of `most` cells.

    A square grid is pooled to a square one, as in the reference; for other numbers its cells are pooled in a row, and
    are no grid any more. A grid of other sides is pooled to the sides nearest to its proportions.
    """
    given = layout.tokens - layout.front
    if given <= most:
        return Pooled(given, layout.grid)
    return Pooled(most, _sides(layout.grid, most) if layout.grid else None)


def _sides(grid: tuple[int, int], count: int) -> tuple[int, int] | None:
    rows, columns = grid
    if rows == columns:
        side = isqrt(count)
        return (side, side) if side * side == count else None
    fitting = [(r, count // r) for r in range(1, rows + 1) if count % r == 0 and count // r <= columns]
    return min(fitting, key=lambda sides: _skew(grid, sides), default=None)


def _skew(grid: tuple[int, int], sides: tuple[int, int]) -> float:
    """How much cells of `sides` are drawn out in one direction: 1 where the proportions are those of `grid`."""
    ratio = grid[0] * sides[1] / (grid[1] * sides[0])
    return max(ratio, 1 / ratio)


def pool_tokens(tokens: Tensor, count: int, how: Pool, layout: TokenLayout | None = None) -> Tensor:
    """`(rows, pictures, tokens, width)` without any in front to `count` tokens a picture; as a grid where they are one.

    `layout` is that of the tokens; if left out, a square number of them is a grid.
    """
    rows, pictures, given, width = tokens.shape
    if given == count:
        return tokens
    layout = layout or TokenLayout.unsaid(given)
    sides = plan_pooling(layout, count).grid
    flat = tokens.flatten(0, 1).transpose(1, 2)
    if sides and layout.grid:
        pool = adaptive_max_pool2d if how == "max" else adaptive_avg_pool2d
        flat = pool(torch.unflatten(flat, 2, layout.grid), sides).flatten(2)
    else:
        flat = _pool1d(flat, count, how)
    return flat.transpose(1, 2).reshape(rows, pictures, count, width)


def _pool1d(x: Tensor, count: int, how: Pool) -> Tensor:
    return adaptive_max_pool1d(x, count) if how == "max" else adaptive_avg_pool1d(x, count)
