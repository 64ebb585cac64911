"""Tokens that options of decoding rule out or force, where transformers' logits processors do."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from multigraft.core.options.options import Decoding


def constrain(scores: Tensor, start: Tensor, ids: Tensor, end: int, decoding: "Decoding") -> Tensor:
    """Scores of the token that comes behind `ids`, -inf where it must not: `(..., vocabulary)`.

    A forced end has the log-probability 0, as in transformers, and comes even where it is ruled out otherwise.

    Args:
        start: `(rows or 1, tokens)`, what the predicting stack has read of the target in front of `ids`.
        ids: `(rows, ..., tokens)`, what was decoded so far.
    """
    decoded = ids.shape[-1]
    if decoding.forced_end and decoded + 1 == decoding.max_tokens:
        return _with(torch.full_like(scores, -torch.inf), end, 0.0)
    if decoded < decoding.min_tokens:
        scores = _with(scores.clone(), end, -torch.inf)
    if decoding.no_repeat_ngram is not None:
        scores = _without_repeats(scores, _joined(start, ids), decoding.no_repeat_ngram)
    return scores


def _with(scores: Tensor, token: int, value: float) -> Tensor:
    scores[..., token] = value
    return scores


def _joined(start: Tensor, ids: Tensor) -> Tensor:
    copies = start.view(start.shape[0], *[1] * (ids.dim() - 2), start.shape[1])
    return torch.cat([copies.expand(*ids.shape[:-1], -1), ids], -1)


def _without_repeats(scores: Tensor, ids: Tensor, size: int) -> Tensor:
    """-inf for each token that would end a sequence of `size` tokens which `ids` `(..., tokens)` already has."""
    if ids.shape[-1] < size:
        return scores
    sequences = ids.unfold(-1, size, 1)
    repeats = (sequences[..., :-1] == ids[..., None, 1 - size :]).all(-1)
    added = scores.new_zeros(repeats.shape).masked_fill(repeats, -torch.inf)
    return scores.scatter_add(-1, sequences[..., -1], added)
