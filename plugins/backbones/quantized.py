"""Frozen projections in 8 or 4 bits, by bitsandbytes: rows of int8 (Dettmers et al. 2022), or blocks of NF4 (2023).

Activations are never quantised: the weight is made dense for a product and dropped, and again in the backward pass.
"""

from importlib.util import find_spec
from math import ceil
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear

from multigraft import OptionError
from multigraft.stacks import Quantized

BLOCK = 64
"""Numbers that have a scale in common in 4 bits."""


class QuantizedLinear(Quantized):
    """A linear map whose weight is int8 or packed NF4."""

    def __init__(self, form: str, shape: tuple[int, int], packed: Tensor, scale: Tensor, bias: Any) -> None:
        super().__init__()
        self.form, self.shape, self.bias = form, shape, bias
        self.register_buffer("packed", packed)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """`(..., width_in)` to `(..., width_out)`."""
        output: Tensor = _Product.apply(x, self)
        bias = self.bias if bias is None else bias
        return output if bias is None else output + bias.to(output.dtype)

    def extra_repr(self) -> str:
        """Widths and form."""
        return f"{self.shape[1]}, {self.shape[0]}, {self.form}"


class Int8Linear(QuantizedLinear):
    """Rows of int8, each with the largest absolute value that 127 stands for."""

    @classmethod
    def of(cls, module: nn.Linear) -> "Int8Linear":
        """A linear module's, which may be on the meta device."""
        weight, shape = module.weight.detach(), (module.out_features, module.in_features)
        if weight.is_meta:
            packed, scale = weight.new_empty(shape, dtype=torch.int8), weight.new_empty(shape[0])
        else:
            from bitsandbytes.functional import int8_vectorwise_quant

            packed, scale, _ = int8_vectorwise_quant(weight)
        return cls("int8", shape, packed, scale, module.bias)

    @property
    def weight(self) -> Tensor:
        """`(width_out, width_in)`."""
        from bitsandbytes.functional import int8_vectorwise_dequant

        return int8_vectorwise_dequant(self.packed, self.scale)  # type: ignore[no-any-return]


class Nf4Linear(QuantizedLinear):
    """NF4: the quantiles of a normal distribution, two numbers a byte, scaled by the largest of a block."""

    @classmethod
    def of(cls, module: nn.Linear) -> "Nf4Linear":
        """A linear module's, which may be on the meta device."""
        weight, shape = module.weight.detach(), (module.out_features, module.in_features)
        if weight.is_meta:
            numbers = weight.numel()
            packed = weight.new_empty((ceil(numbers / 2), 1), dtype=torch.uint8)
            scale = weight.new_empty(ceil(numbers / BLOCK))
        else:
            from bitsandbytes.functional import quantize_4bit

            packed, state = quantize_4bit(weight, blocksize=BLOCK, quant_type="nf4")
            scale = state.absmax
        return cls("nf4", shape, packed, scale, module.bias)

    @property
    def weight(self) -> Tensor:
        """`(width_out, width_in)`."""
        from bitsandbytes.functional import QuantState, dequantize_4bit

        state = QuantState(self.scale, torch.Size(self.shape), None, BLOCK, "nf4", torch.float32)
        return dequantize_4bit(self.packed, state)  # type: ignore[no-any-return]


class _Product(Function):
    """A product with a frozen weight, of which nothing dense is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, module: QuantizedLinear) -> Tensor:
        ctx.module, ctx.dtype = module, x.dtype
        return linear(x, module.weight.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return (gradient @ ctx.module.weight.to(gradient.dtype)).to(ctx.dtype), None


_KINDS: dict[int, type[Int8Linear] | type[Nf4Linear]] = {8: Int8Linear, 4: Nf4Linear}


def quantize_layers(model: nn.Module, bits: Literal[8, 4]) -> None:
    """Put quantised modules in place of the linear ones of a model's layers, which are those inside module lists.

    Raises:
        OptionError: bitsandbytes is not installed, or no module of the layers is a linear one.
    """
    if find_spec("bitsandbytes") is None:
        hint = "pip install 'multigraft[quantized]'"
        raise OptionError(("quantized",), f"weights in {bits} bits need bitsandbytes, which is not installed", hint)
    for parent, name, module in _linear_modules(model):
        setattr(parent, name, _KINDS[bits].of(module))


def _linear_modules(model: nn.Module) -> list[tuple[nn.Module, str, nn.Linear]]:
    """Those of the layers, with the modules that they stand in and their names there."""
    lists = (each for each in model.modules() if isinstance(each, nn.ModuleList))
    parents = dict.fromkeys(parent for layers in lists for parent in layers.modules())
    found = [(parent, name, each) for parent in parents for name, each in parent.named_children()]
    linear = [(parent, name, each) for parent, name, each in found if type(each) is nn.Linear]
    if not linear:
        message = f"the layers of a {type(model).__name__} have no linear modules, which alone can be quantised"
        raise OptionError(("quantized",), message, "leave it out")
    return linear
