"""Options of the built-in adapters."""

from typing import Literal

from pydantic import Field, model_validator

from multigraft import AdapterOptions


class BottleneckOptions(AdapterOptions):
    """Down, nonlinearity, up, with a skip of its own; serial after blocks."""

    reduction: int | None = Field(None, ge=1, le=2**20)
    """Width of the block divided by the width of the bottleneck; 8 if neither this nor `width` is given."""
    width: int | None = Field(None, ge=1, le=2**20)
    """Width of the bottleneck."""
    activation: Literal["gelu-tanh", "relu", "silu"] = "gelu-tanh"
    """What is between the two matrices; `gelu-tanh` is GELU by its tanh formula, as in VL-Adapter."""
    start: Literal["normal", "identity"] = "normal"
    """`normal`: both matrices N(0, 0.02), as in VL-Adapter; `identity`: the up matrix is zero."""

    @model_validator(mode="after")
    def _one_width(self) -> "BottleneckOptions":
        if self.reduction and self.width:
            raise ValueError("give `reduction` or `width`, not both")
        return self
