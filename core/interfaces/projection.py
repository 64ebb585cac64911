"""Projection: a linear map of the trunk, however its module stores it."""

from abc import ABC, abstractmethod
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class Quantized(nn.Module, ABC):
    """A linear map that keeps its frozen weight in fewer bits, as buffers; its bias is a parameter like any other."""

    form: str
    """How the numbers are kept, such as `int8`; part of the trunk's fingerprint."""
    shape: tuple[int, int]
    """Of the weight that it stands for, `(width_out, width_in)`."""
    bias: nn.Parameter | None

    @property
    @abstractmethod
    def weight(self) -> Tensor:
        """The weight `(width_out, width_in)` as float32, made anew each time; writing into it changes nothing."""

    @abstractmethod
    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """`(..., width_in)` to `(..., width_out)`, with another bias in place of its own if given."""

    @property
    def numbers(self) -> int:
        """Numbers of the weight."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes that the weight takes, scales counted."""
        return sum(buffer.nbytes for buffer in self.buffers())


def quantized_modules(module: nn.Module) -> list[Quantized]:
    """All of them inside a module."""
    return [each for each in module.modules() if isinstance(each, Quantized)]


class Projection:
    """A view of a module's linear map. It reads the module's tensors when it is called, and no forward is patched.

    Args:
        module: an `nn.Linear` or a module with its call and its attributes, or one that keeps a fused weight.
        rows: which rows of the module's weight `(width_out, width_in)` and bias are the map's; all if left out.
        transposed: whether the weight is stored as `(width_in, width_out)`, as in transformers' `Conv1D`.
        weight: name of the weight in the module, such as `in_proj_weight`.
        bias: name of the bias in the module.
    """

    def __init__(
        self,
        module: nn.Module,
        rows: slice | None = None,
        transposed: bool = False,
        weight: str = "weight",
        bias: str = "bias",
    ) -> None:
        self.module, self._rows, self._transposed, self._names = module, rows, transposed, (weight, bias)
        self._whole = rows is None and not transposed and weight == "weight"

    @property
    def weight(self) -> Tensor:
        """`(width_out, width_in)`; made anew each time where the module is quantised."""
        weight: Tensor = getattr(self.module, self._names[0])
        weight = weight.t() if self._transposed else weight
        return weight if self._rows is None else weight[self._rows]

    @property
    def bias(self) -> Tensor | None:
        """`(width_out,)`; None where there is none."""
        bias: Tensor | None = getattr(self.module, self._names[1], None)
        return bias if bias is None or self._rows is None else bias[self._rows]

    @property
    def stored(self) -> tuple[object, ...]:
        """Weight and bias as the module keeps them, which may be no plain tensors; the bias is left out if None."""
        found = (getattr(self.module, name, None) for name in self._names)
        return tuple(each for each in found if each is not None)

    def replace(self, weight: Tensor, bias: Tensor | None) -> None:
        """Write a weight `(width_out, width_in)` and a bias over the module's own, in place.

        Raises:
            ValueError: a bias is given and there is none, or the other way round; or the weight is quantised.
        """
        if isinstance(self.module, Quantized):
            raise ValueError(f"a quantised weight ({self.module.form}) cannot be written over")
        own = self.bias
        if (own is None) != (bias is None):
            raise ValueError("a projection keeps its bias, or has none as before")
        with torch.no_grad():
            self.weight.copy_(weight)
            if own is not None and bias is not None:
                own.copy_(bias)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """`(rows, tokens, width_in)` to `(rows, tokens, width_out)`, with another bias in place of its own if given."""
        if self._whole and isinstance(self.module, Quantized):
            return self.module(x, bias)  # type: ignore[no-any-return]
        if bias is not None:
            return linear(x, self.weight, bias)
        if self._whole:
            return self.module(x)  # type: ignore[no-any-return]
        return linear(x, self.weight, self.bias)
