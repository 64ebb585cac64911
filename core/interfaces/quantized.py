"""Quantized: a linear map of the trunk whose frozen weight is kept in a few bits a number."""

from abc import ABC, abstractmethod
from math import prod

from torch import Tensor, nn


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
