"""Scaled dot-product attention whose memory may have fewer heads or rows than the query."""

import torch
from torch import Tensor
from torch.nn.functional import dropout as drop
from torch.nn.functional import scaled_dot_product_attention

from multigraft.core.types.tokens import AttentionCall


def attend(call: AttentionCall) -> Tensor:
    """Fused attention: `(rows, queries, heads * head width)`."""
    query, copies = _folded(call)
    mask = call.mask if call.mask is None or call.mask.dtype == torch.bool else call.mask.to(query.dtype)
    mixed = scaled_dot_product_attention(
        query,
        call.memory.key,
        call.memory.value,
        attn_mask=_for_copies(mask, copies),
        dropout_p=call.dropout,
        scale=call.scale,
        enable_gqa=call.memory.key.shape[1] != query.shape[1],
    )
    return _unfolded(mixed, copies)


def attend_with_probabilities(call: AttentionCall) -> tuple[Tensor, Tensor]:
    """As `attend`, and the probabilities before dropout, `(rows, heads, queries, keys)`, with gradients."""
    query, copies = _folded(call)
    repeats = query.shape[1] // call.memory.key.shape[1]
    key, value = (each.repeat_interleave(repeats, 1) for each in (call.memory.key, call.memory.value))
    scores = query @ key.transpose(-1, -2) * (call.scale or query.shape[-1] ** -0.5)
    mask = _for_copies(call.mask, copies)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    probabilities = scores.softmax(-1)
    mixed = drop(probabilities, call.dropout, training=call.dropout > 0) @ value
    rows, heads, _, keys = probabilities.shape
    apart = probabilities.view(rows, heads, copies, -1, keys).transpose(1, 2).reshape(rows * copies, heads, -1, keys)
    return _unfolded(mixed, copies), apart


def _folded(call: AttentionCall) -> tuple[Tensor, int]:
    """Rows that read the same memory as further queries of one row: memory is never repeated."""
    rows, heads, queries, width = call.query.shape
    copies = rows // call.memory.key.shape[0]
    if copies == 1:
        return call.query, 1
    apart = call.query.view(-1, copies, heads, queries, width).transpose(1, 2)
    return apart.reshape(-1, heads, copies * queries, width), copies


def _for_copies(mask: Tensor | None, copies: int) -> Tensor | None:
    if mask is None or copies == 1 or mask.shape[-2] == 1:
        return mask
    return mask.repeat(1, 1, copies, 1)


def _unfolded(mixed: Tensor, copies: int) -> Tensor:
    """`(memory rows, heads, copies * queries, head width)` to `(rows, queries, heads * head width)`."""
    if copies > 1:
        rows, heads, queries, width = mixed.shape
        mixed = mixed.view(rows, heads, copies, queries // copies, width).transpose(1, 2)
        mixed = mixed.reshape(rows * copies, heads, queries // copies, width)
    return mixed.transpose(1, 2).flatten(-2)
