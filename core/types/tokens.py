"""Tokens: what flows between the parts of a trunk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tokens:
    """States of some tokens of each row, with what attention must know of them."""

    states: Tensor
    """`(rows, tokens, width)`."""
    mask: Tensor | None = None
    """`(rows, tokens)`, True where there is a token; None where all are."""
    positions: Tensor | None = None
    """`(rows or 1, tokens)`, places in the text; -1 where a token has none. None where the stack knows no positions."""
    beside: "Mapping[str, Tokens]" = field(default_factory=dict)
    """Last states of the networks that ran beside a stack, by the name of their graft; those of other grafts' rows are
    zero."""

    @property
    def real(self) -> Tensor:
        """`(rows, tokens)`, True where there is a token."""
        if self.mask is not None:
            return self.mask
        return torch.ones(self.states.shape[:2], dtype=torch.bool, device=self.states.device)


@dataclass(frozen=True)
class KeyValues:
    """What attention reads. It may have fewer heads than the query, and one row for several rows of the query."""

    key: Tensor
    """`(rows, heads, tokens, head width)`."""
    value: Tensor
    """`(rows, heads, tokens, head width)`."""

    def select(self, rows: Tensor) -> "KeyValues":
        """Those of the given rows `(new rows,)`."""
        return KeyValues(self.key[rows], self.value[rows])


@dataclass(frozen=True)
class AttentionCall:
    """One attention of a trunk."""

    query: Tensor
    """`(rows, heads, queries, head width)`."""
    memory: KeyValues
    """Its heads divide the query's, and its rows too: a row of it is read by neighbouring rows of the query."""
    mask: Tensor | None = None
    """Bool (True where attended to) or numbers added to the scores; `(rows of memory, heads, queries, keys)`."""
    scale: float | None = None
    """1 / sqrt(head width) if left out."""
    dropout: float = 0.0
