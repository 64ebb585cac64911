"""Interceptor: how a trunk lets a graft act at its sites.

A trunk calls these at its sites instead of its own modules. The object is made once per batch, carries the batch's
segments, and is handed down as an argument: never module state, so recomputation and beams see the same.
"""

from typing import Protocol

from torch import Tensor, nn


class Interceptor(Protocol):
    """The graft's side of a forward pass. Rows of every tensor are the batch's rows, in its order."""

    @property
    def training(self) -> bool:
        """Whether dropout acts."""
        ...

    def linear(self, site: str, module: nn.Linear, x: Tensor) -> Tensor:
        """Run a projection: `(rows, tokens, width_in)` to `(rows, tokens, width_out)`."""
        ...

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        """Run a normalisation, `(rows, tokens, width)`."""
        ...

    def block(self, site: str, x: Tensor, output: Tensor) -> Tensor:
        """Let adapters change a block's `output` `(rows, tokens, width)`, given its input `x`."""
        ...

    def expand(self, copies: int) -> "Interceptor":
        """The same for rows that were each repeated `copies` times in place (beams)."""
        ...


class NoGraft:
    """The trunk without a graft."""

    def __init__(self, training: bool = False) -> None:
        self.training = training

    def linear(self, site: str, module: nn.Linear, x: Tensor) -> Tensor:
        """The projection itself."""
        return module(x)  # type: ignore[no-any-return]

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        """The normalisation itself."""
        return module(x)  # type: ignore[no-any-return]

    def block(self, site: str, x: Tensor, output: Tensor) -> Tensor:
        """The output, unchanged."""
        return output

    def expand(self, copies: int) -> "NoGraft":
        """Itself: no segments to repeat."""
        return self
