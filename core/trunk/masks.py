"""Masks of attention, for the stacks of every family."""

import torch
from torch import Tensor

from multigraft.core.interfaces.stack import Seen, joined_masks
from multigraft.core.types.tokens import Tokens


def self_attention_mask(tokens: Tokens, past: Seen | None, causal: bool) -> Tensor | None:
    """Who reads whom among new tokens and those behind which they come: bool, True where attended to.

    A padding token reads itself, so that no row of scores is empty.

    Returns:
        `(rows or 1, 1, queries or 1, past tokens + new tokens)`; None where everything is read.
    """
    states, before = tokens.states, past.tokens if past else 0
    seen = states.new_empty(states.shape[0], before)
    keys = joined_masks(past.mask if past else None, seen, tokens.mask, states)
    new = states.shape[1]
    if not causal or new == 1:
        return None if keys is None else keys[:, None, None, :]
    order = torch.ones(new, before + new, dtype=torch.bool, device=states.device).tril(before)
    if keys is None:
        return order[None, None]
    itself = torch.eye(new, before + new, dtype=torch.bool, device=states.device).roll(before, 1)
    return (order & keys[:, None, None, :]) | itself


def memory_mask(memory: Tokens | None) -> Tensor | None:
    """Which tokens of a memory are read: bool `(rows, 1, 1, tokens)`; None for all."""
    return None if memory is None or memory.mask is None else memory.mask[:, None, None, :]
