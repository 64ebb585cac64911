"""Multi-head attention over projections that a graft can reach, and the decoder's caches."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from multigraft import DecoderState


def split_heads(x: Tensor, heads: int) -> Tensor:
    """`(rows, tokens, width)` to `(rows, heads, tokens, head width)`."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def attend(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float | None = None, dropout: float = 0.0
) -> Tensor:
    """Attention of `(rows, heads, tokens, head width)` tensors to `(rows, tokens, width)`.

    `bias` is a mask (True where attended to) or numbers added to the scores, broadcast to
    `(rows, heads, queries, keys)`. `scale` is 1 / sqrt(head width) if left out.
    """
    if bias is not None and bias.dtype != torch.bool:
        bias = bias.to(query.dtype)
    mixed = scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout, scale=scale)
    return mixed.transpose(1, 2).flatten(-2)


def causal_mask(tokens: int, device: torch.device) -> Tensor:
    """`(tokens, tokens)`, True where the key is not later than the query."""
    return torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril()


Pair = tuple[Tensor, Tensor]
"""Keys and values, `(rows, heads, tokens, head width)`."""


@dataclass(frozen=True)
class Caches(DecoderState):
    """What an encoder-decoder keeps between steps."""

    own: tuple[Pair, ...]
    """Self-attention of each layer."""
    cross: tuple[Pair, ...]
    """Cross-attention of each layer; never grows."""
    mask: Tensor
    """`(rows, 1, 1, encoder tokens)`."""

    def select(self, rows: Tensor) -> "Caches":
        """The caches of the given rows."""
        return Caches(_select(self.own, rows), _select(self.cross, rows), self.mask[rows])

    def reorder(self, rows: Tensor) -> "Caches":
        """The cross-attention of a row is that of the row that replaces it."""
        return replace(self, own=_select(self.own, rows))

    @property
    def length(self) -> int:
        """Target tokens seen so far."""
        return self.own[0][0].shape[2] if self.own else 0


def append(past: Pair | None, key: Tensor, value: Tensor) -> Pair:
    """Past keys and values with new ones behind them."""
    if past is None:
        return key, value
    return torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)


def _select(pairs: Sequence[Pair], rows: Tensor) -> tuple[Pair, ...]:
    return tuple((key[rows], value[rows]) for key, value in pairs)
