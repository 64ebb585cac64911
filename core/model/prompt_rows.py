"""Tokens of some rows of a batch: arranged by row, taken, spread among others, and packed."""

from bisect import bisect_left
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from multigraft.core.interfaces.prompt import VisualTokens
from multigraft.core.types.batch import Visual
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens


def pictures_of(visual: Visual, bounds: Sequence[int]) -> list[int]:
    """The bounds of the segments among the pictures."""
    rows = visual.rows[visual.slot].tolist()
    return [bisect_left(rows, bound) for bound in bounds]


def arrange(visual: Visual, tokens: Tensor, layout: TokenLayout | None = None) -> VisualTokens:
    """Pictures laid end to end, `(pictures, tokens, width)`, to rows filled up with empty pictures at their end."""
    rows, most = len(visual.rows), int(visual.order.max()) + 1
    place = (visual.slot, visual.order)
    laid = tokens.new_zeros(rows * most, *tokens.shape[1:])
    arranged = laid.index_copy_(0, visual.slot * most + visual.order, tokens).view(rows, most, *tokens.shape[1:])
    mask = torch.zeros(rows, most, dtype=torch.bool, device=tokens.device)
    times = torch.zeros(rows, most, device=tokens.device)
    mask[place], times[place] = True, visual.times.to(times.dtype)
    return VisualTokens(arranged, mask, times, visual.kind, layout)


def of_rows(tokens: Tokens, rows: Tensor | slice) -> Tokens:
    """The tokens of some rows, `(some, tokens, width)`."""
    mask, positions = tokens.mask, tokens.positions
    if positions is not None and positions.shape[0] > 1:
        positions = positions[rows]
    return Tokens(tokens.states[rows], None if mask is None else mask[rows], positions)


def for_rows(made: Tokens, rows: int) -> Tokens:
    """A row each, `(rows, tokens, width)`, where there may be one for all."""
    if made.states.shape[0] == rows:
        return made
    return Tokens(made.states.expand(rows, -1, -1), None if made.mask is None else made.mask.expand(rows, -1))


def spread(visual: Visual, made: Tokens, rows: int) -> Tokens:
    """The prompts of the rows that have such media among all rows."""
    if len(visual.rows) == rows:
        return made
    states, mask = made.states, made.real
    whole = states.new_zeros(rows, *states.shape[1:]).index_copy(0, visual.rows, states)
    return Tokens(whole, mask.new_zeros(rows, mask.shape[1]).index_copy(0, visual.rows, mask))


def compact(prompt: Tensor, mask: Tensor) -> Tokens:
    """Drop columns that are padding in every row, after moving each row's own prompts to its front."""
    longest = int(mask.sum(1).max())
    if longest == mask.shape[1]:
        return Tokens(prompt, mask)
    order = mask.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :longest]
    return Tokens(prompt.gather(1, order[:, :, None].expand(-1, -1, prompt.shape[2])), mask.gather(1, order))


def among(made: Tokens, first: int, rows: int) -> Tokens:
    """Tokens of neighbouring rows from `first` on, among `rows` that have none of them."""
    count = made.states.shape[0]
    if count == rows:
        return made
    around = (first, rows - first - count)
    return Tokens(pad(made.states, (0, 0, 0, 0, *around)), pad(made.real, (0, 0, *around)))
