"""Parameter-free pooling of tokens of which each item has another number, such as those of clips of sound."""

from dataclasses import replace

import torch
from torch import Tensor

from multigraft import MediaTokens
from multigraft.plugins.prompts.pooling import Pool


def pool_masked(tokens: Tensor, mask: Tensor, most: int, how: Pool) -> tuple[Tensor, Tensor]:
    """The real tokens of each item in a row, pooled to `most` at most, as adaptive pooling of these alone would do it.

    An item of no more than `most` tokens keeps them. Nothing is read back from the device.

    Args:
        tokens: `(rows, items, tokens, width)`; an item's real ones stand in front.
        mask: `(rows, items, tokens)`, True at these.
        most: tokens of an item afterwards.
        how: over each stretch of tokens.

    Returns:
        `(rows, items, most or fewer, width)`, zero where there is no token, and the mask of these tokens.
    """
    given, width = tokens.shape[2:]
    kept = min(most, given)
    starts, stops = _stretches(mask.sum(2), kept)
    longest = 1 if given <= most else -(-given // most) + 1
    places = starts[..., None] + torch.arange(longest, device=tokens.device)
    inside = places < stops[..., None]
    read = places.clamp(max=given - 1).flatten(2)[..., None].expand(-1, -1, -1, width)
    stretches = torch.unflatten(tokens.gather(2, read), 2, (kept, longest))
    real = stops > starts
    return _over(stretches, inside, how).masked_fill(~real[..., None], 0), real


def _stretches(lengths: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Where each pooled token of items with so many tokens begins and ends, both `(rows, items, most)`; equal where
    there is none. The bounds are those of torch's adaptive pooling: `floor(i n / m)` and `ceil((i + 1) n / m)`."""
    numbers = torch.arange(most, device=lengths.device)
    lengths = lengths[..., None]
    counts = lengths.clamp(max=most)
    divisor = counts.clamp(min=1)
    starts = numbers * lengths // divisor
    stops = ((numbers + 1) * lengths + divisor - 1) // divisor
    return starts, torch.where(numbers < counts, stops, starts)


def _over(stretches: Tensor, inside: Tensor, how: Pool) -> Tensor:
    """`(rows, items, stretches, tokens, width)` to `(rows, items, stretches, width)`, over the tokens inside."""
    if how == "max":
        return stretches.masked_fill(~inside[..., None], -torch.inf).amax(3)
    total = stretches.masked_fill(~inside[..., None], 0).sum(3)
    return total / inside.sum(3).clamp(min=1)[..., None]


def pool_frames(media: MediaTokens, frames: int, how: Pool) -> MediaTokens:
    """At most `frames` items a row: each longer row is pooled over its time, token by token."""
    if media.tokens.shape[1] <= frames:
        return media
    pooled, _ = pool_masked(media.tokens.transpose(1, 2), media.real.transpose(1, 2), frames, how)
    first = media.of(lambda x: x[:, :frames])
    return replace(first, tokens=pooled.transpose(1, 2))
