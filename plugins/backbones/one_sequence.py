"""Texts and targets as one sequence of tokens, for models that read both in one stack."""

import torch
from torch import Tensor

from multigraft import IGNORED
from multigraft.stacks import Arranged, StackInput


def one_sequence(stack: str, pad: int, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
    """A row's real text tokens and, right behind them, its targets without their last token."""
    ids, real, last = text_ids, text_mask, text_mask.sum(1, keepdim=True) - 1
    places = last
    if target_ids is not None:
        ids = torch.cat([text_ids, target_ids[:, :-1]], 1)
        real = torch.cat([text_mask, target_ids[:, 1:] != IGNORED], 1)
        places = last + torch.arange(target_ids.shape[1], device=last.device)
    order = (~real).to(torch.uint8).argsort(dim=1, stable=True)
    ids, real = ids.gather(1, order), real.gather(1, order)
    positions = torch.arange(ids.shape[1], device=ids.device)[None]
    return Arranged({stack: StackInput(ids.masked_fill(~real, pad), real, positions)}, places)
