"""Attention of some tokens to those of media, and what stands at both of its sides."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from multigraft import MediaTokens, OptionError
from multigraft.stacks import Tokens


class CrossAttention(nn.Module):
    """`Output(softmax(Query q Key(m)^T / sqrt(head width)) Value(m))`, without residual and norm.

    `4 inner (inner + 1)` numbers where all widths are `inner`.
    """

    def __init__(self, width: int, memory_width: int, inner: int, heads: int, dropout: float = 0.0) -> None:
        """
        Args:
            dropout: of the map, in training.

        Raises:
            OptionError: the heads do not divide the inner width.
        """
        super().__init__()
        if inner % heads:
            raise OptionError(("heads",), f"{heads} heads do not divide the width {inner}")
        self.heads, self.dropout = heads, dropout
        self.query, self.output = nn.Linear(width, inner), nn.Linear(inner, width)
        self.key, self.value = nn.Linear(memory_width, inner), nn.Linear(memory_width, inner)

    def forward(self, x: Tensor, memory: Tokens) -> Tensor:
        """`(rows, queries, width)` to the same, of a memory `(rows, tokens, memory width)`."""
        query, key, value = (
            projected.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for projected in (self.query(x), self.key(memory.states), self.value(memory.states))
        )
        mask = None if memory.mask is None else memory.mask[:, None, None]
        dropped = self.dropout if self.training else 0.0
        mixed = scaled_dot_product_attention(query, key, value, mask, dropped)
        return self.output(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class ItemCodes(nn.Module):
    """A trained code of each picture's, frame's or clip's number, added to its tokens."""

    def __init__(self, items: int, width: int) -> None:
        super().__init__()
        self.order = nn.Embedding(items, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """`(rows, items, tokens, width)` to the same; the items behind the last code have that too."""
        numbers = torch.arange(tokens.shape[1], device=tokens.device).clamp(max=self.order.num_embeddings - 1)
        codes: Tensor = self.order(numbers)
        return tokens + codes[:, None]


def in_a_row(tokens: Tensor, media: MediaTokens) -> Tokens:
    """The tokens of all items of a row one behind the other, `(rows, items * tokens, width)`.

    Args:
        tokens: made of those of the media, `(rows, items, tokens, width)`.
    """
    return Tokens(tokens.flatten(1, 2), media.real.flatten(1))


def beside(tokens: Sequence[Tokens]) -> Tokens:
    """Tokens of the same rows as one memory."""
    return Tokens(torch.cat([each.states for each in tokens], 1), torch.cat([each.real for each in tokens], 1))
