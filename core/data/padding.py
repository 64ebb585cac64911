"""Items of different lengths side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def padded(arrays: Sequence[NDArray[Any]]) -> tuple[Tensor, Tensor | None]:
    """Items `(items, length, ...)` of several media laid end to end, each filled up with zeros to the longest.

    Returns:
        `(items of all, longest length, ...)`, a copy, and `(items of all, longest length)`, True at what is real; None
        where all are of one length. Pictures whose colours lie side by side in memory, `torch.channels_last`, stay so.
    """
    lengths = np.array([each.shape[1] for each in arrays for _ in range(len(each))])
    longest = int(lengths.max(initial=0))
    if (lengths == longest).all():
        return _joined(arrays), None
    rest = arrays[0].shape[2:]
    laid = np.zeros((len(lengths), longest, *rest), arrays[0].dtype)
    start = 0
    for each in arrays:
        laid[start : start + len(each), : each.shape[1]] = each
        start += len(each)
    return torch.from_numpy(laid), torch.from_numpy(np.arange(longest) < lengths[:, None])


def _joined(arrays: Sequence[NDArray[Any]]) -> Tensor:
    if all(each.ndim == 4 and each.transpose(0, 2, 3, 1).flags.c_contiguous for each in arrays):
        return torch.from_numpy(np.concatenate([each.transpose(0, 2, 3, 1) for each in arrays])).permute(0, 3, 1, 2)
    return torch.from_numpy(np.concatenate(arrays))
