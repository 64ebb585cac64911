"""Parameter-free pooling of visual tokens."""

from math import isqrt
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool1d, adaptive_max_pool2d

Pool = Literal["max", "mean"]


def pool_tokens(tokens: Tensor, count: int, how: Pool) -> Tensor:
    """`(rows, pictures, tokens, width)` to `count` tokens a picture; as a grid where both numbers are squares."""
    rows, pictures, given, width = tokens.shape
    if given == count:
        return tokens
    flat = tokens.flatten(0, 1).transpose(1, 2)
    if isqrt(given) ** 2 == given and isqrt(count) ** 2 == count:
        grid = torch.unflatten(flat, 2, (isqrt(given), isqrt(given)))
        pool = adaptive_max_pool2d if how == "max" else adaptive_avg_pool2d
        flat = pool(grid, isqrt(count)).flatten(2)
    else:
        flat = _pool1d(flat, count, how)
    return flat.transpose(1, 2).reshape(rows, pictures, count, width)


def pool_frames(tokens: Tensor, mask: Tensor, frames: int, how: Pool) -> tuple[Tensor, Tensor]:
    """At most `frames` pictures a row: each longer row of `(rows, pictures, tokens, width)` is pooled over its time."""
    if tokens.shape[1] <= frames:
        return tokens, mask
    pooled = tokens[:, :frames].clone()
    for row, length in enumerate(mask.sum(1).tolist()):
        if length > frames:
            pooled[row] = _pool1d(tokens[row, :length].permute(1, 2, 0), frames, how).permute(2, 0, 1)
    return pooled, mask[:, :frames]


def _pool1d(x: Tensor, count: int, how: Pool) -> Tensor:
    return adaptive_max_pool1d(x, count) if how == "max" else adaptive_avg_pool1d(x, count)
