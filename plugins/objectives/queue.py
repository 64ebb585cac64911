"""A queue of features: the newest take the places of the oldest (He et al. 2020)."""

from collections.abc import Mapping

import torch
from torch import Tensor

EMPTY = -1
"""Number of the media of a place that holds nothing yet."""


def enqueued(state: Mapping[str, Tensor], appended: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state after rows `(rows, ...)` were appended, in their order; of more than it holds, the last.

    Args:
        state: tensors `(places, ...)`, and `next`, the place that is written to next.
    """
    places, rows = len(state["key"]), len(appended["key"])
    kept = min(places, rows)
    at = (state["next"] + torch.arange(rows - kept, rows, device=state["next"].device)) % places
    moved = {
        name: state[name].index_copy(0, at, value[rows - kept :].to(state[name].dtype))
        for name, value in appended.items()
    }
    return {**moved, "next": (state["next"] + rows) % places}
