"""The forms in which tokens are stored: bfloat16, or 8 bits with a scale for each token."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Store = Literal["bf16", "int8"]

TOKENS, SCALES = "tokens", "scales"
"""Names of tensors: bfloat16 or int8 `(items, tokens, width)`, and float32 `(items, tokens)` beside int8."""

_LARGEST = 127


def stored_tokens(tokens: Tensor, store: Store) -> dict[str, Tensor]:
    """Float tokens `(items, tokens, width)` as they are stored.

    `int8` is symmetric, token by token: scale = max |x| / 127 in float32, code = round(x / scale), half to even. A
    value that is read again as code * scale is off by scale / 2 at most, beside the rounding to bfloat16. Of a token
    with a value that is no finite number, all are read as NaN.
    """
    if store == "bf16":
        return {TOKENS: tokens.to(torch.bfloat16).contiguous()}
    values = tokens.float()
    scales = values.abs().amax(-1) / _LARGEST
    scales = torch.where(scales.isfinite(), scales, torch.nan)
    codes = (values / scales[..., None]).round().clamp(-_LARGEST, _LARGEST)  # of 0 / 0 and of NaN they are NaN
    return {TOKENS: codes.nan_to_num(0).to(torch.int8), SCALES: scales}


def read_tokens(tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.uint16]:
    """Stored tokens as bits of bfloat16; those that are stored so are not copied.

    Raises:
        KeyError: there are none.
        ValueError: scales and tokens do not fit.
    """
    tokens = tensors[TOKENS]
    if tokens.dtype == np.uint16:
        return tokens
    return _bfloat16(tokens * tensors[SCALES][..., None])


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bits of the nearest bfloat16, of two the even one."""
    bits = values.view(np.uint32)
    rounded = (bits + (((bits >> 16) & 1) + 0x7FFF)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)
