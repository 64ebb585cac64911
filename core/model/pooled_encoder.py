"""Encoders whose tokens are pooled, without parameters, before they are stored or read."""

import re

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from multigraft.core.interfaces.encoder import Encoder
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.types.preparation import Preparation
from multigraft.core.types.site import Site
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens

_GRID = re.compile(r"grid-(\d+)x(\d+)")


def pooled_layout(layout: TokenLayout, step: str) -> TokenLayout:
    """Which tokens a step leaves.

    `mean`: one, the mean of those behind the class and register tokens, or of all where there are no others.
    `class-token`: the first one in front. `grid-RxC`: the grid averaged down to R rows and C columns, as torch's
    `adaptive_avg_pool2d` does; what is in front stays. One token of a grid is a grid of one cell.

    Raises:
        ValueError: the tokens are not so laid out.
    """
    one = TokenLayout(1, grid=(1, 1) if layout.grid else None)
    if step == "mean":
        return one
    if step == "class-token":
        if not layout.front:
            raise ValueError("this encoder gives no class token in front")
        return one
    rows, columns = _sides(step)
    if layout.grid is None:
        raise ValueError(f"this encoder's {layout.tokens} tokens form no grid; `mean` goes with any")
    if rows > layout.grid[0] or columns > layout.grid[1]:
        raise ValueError(f"this encoder's grid has {layout.grid[0]} x {layout.grid[1]} cells, and `{step}` wants more")
    return TokenLayout(layout.front + rows * columns, layout.front, (rows, columns))


def pool_tokens(tokens: Tokens, layout: TokenLayout, step: str) -> Tokens:
    """Tokens `(items, tokens, width)` as `pooled_layout` says; an item's own are those of its mask."""
    states, front = tokens.states, layout.front
    if step == "class-token":
        return Tokens(states[:, :1])
    if step == "mean":
        behind = front if front < layout.tokens else 0
        return Tokens(_mean(states[:, behind:], None if tokens.mask is None else tokens.mask[:, behind:]))
    if tokens.mask is not None:
        raise ValueError("tokens of a grid have no mask")
    cells = torch.unflatten(states[:, front:].transpose(1, 2), 2, layout.grid or ())
    grid = adaptive_avg_pool2d(cells, _sides(step)).flatten(2).transpose(1, 2)
    return Tokens(torch.cat([states[:, :front], grid], 1))


def _mean(states: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return states.mean(1, keepdim=True)
    real = mask[..., None].to(states.dtype)
    return (states * real).sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp(min=1)


def _sides(step: str) -> tuple[int, int]:
    found = _GRID.fullmatch(step)
    if found is None:
        raise ValueError(f"{step!r} is no step of pooling")
    return int(found[1]), int(found[2])


class PooledEncoder(Encoder):
    """An encoder and a step of pooling, as one.

    Args:
        step: as of `pooled_layout`.

    Raises:
        ValueError: the encoder's tokens are not laid out for it.
    """

    def __init__(self, encoder: Encoder, step: str) -> None:
        super().__init__()
        self.encoder, self._step = encoder, step
        self._layout = pooled_layout(encoder.layout(), step)
        self.width, self.tokens, self.origin = encoder.width, self._layout.tokens, encoder.origin

    def preparation(self) -> Preparation:
        """The encoder's."""
        return self.encoder.preparation()

    def encode(self, arrays: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tokens:
        """The encoder's tokens, pooled."""
        return pool_tokens(self.encoder.encode(arrays, mask, intercept), self.encoder.layout(), self._step)

    def fingerprint(self) -> str:
        """The encoder's, and the step."""
        return f"{self.encoder.fingerprint()}|pooled={self._step}"

    def layout(self) -> TokenLayout:
        """That of the pooled tokens."""
        return self._layout

    def sites(self) -> tuple[Site, ...]:
        """Those of the encoder."""
        return self.encoder.sites()
