"""Interceptor: how a trunk lets a graft act at its sites.

A trunk calls these at its sites instead of its own modules. The object is made once per batch, carries the batch's
segments, and is handed down as an argument: never module state, so recomputation and beams see the same.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, Self

from torch import Tensor, nn

if TYPE_CHECKING:
    from multigraft.core.interfaces.projection import Projection
    from multigraft.core.interfaces.side_network import SideRows
    from multigraft.core.types.tokens import AttentionCall


class Interceptor(Protocol):
    """The graft's side of a forward pass. Rows of every tensor are the batch's rows, in its order."""

    @property
    def training(self) -> bool:
        """Whether dropout acts."""
        ...

    def acts_at(self, sites: Iterable[str]) -> bool:
        """Whether anything acts at one of these sites, so that a trunk must run them one by one."""
        ...

    def linear(self, site: str, projection: "Projection", x: Tensor) -> Tensor:
        """Run a projection: `(rows, tokens, width_in)` to `(rows, tokens, width_out)`."""
        ...

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        """Run a normalisation, `(rows, tokens, width)`."""
        ...

    def embedding(self, site: str, module: nn.Module, ids: Tensor) -> Tensor:
        """Run an embedding: ids `(rows, tokens)` to `(rows, tokens, width)`."""
        ...

    def attention(self, site: str, call: "AttentionCall") -> Tensor:
        """Attend: `(rows, queries, heads * head width)`. What a graft puts in front of the memory is put there now, and
        is in no cache."""
        ...

    def block(self, site: str, x: Tensor, output: Tensor, residual: Tensor | None = None) -> Tensor:
        """Let adapters change a block's `output` `(rows, tokens, width)`, given its input `x` and the `residual` that
        it is added to, where that is not `x`."""
        ...

    def beside(self, stack: str) -> "Sequence[SideRows]":
        """The networks that run beside a stack of the backbone, by rows, which rise."""
        ...

    def plain(self) -> "Interceptor":
        """Nothing at any site, in training or not as this one: for what runs beside the trunk."""
        ...

    def masked(self, mask: Tensor | None) -> Self:
        """The same over other tokens, of which these are real: `(rows, tokens)`; None where all are."""
        ...

    def narrow(self, start: int, stop: int) -> Self:
        """The same for some rows alone, which are those of one segment."""
        ...

    def expand(self, copies: int) -> Self:
        """The same for rows that were each repeated `copies` times in place (beams)."""
        ...

    def select(self, bounds: Sequence[int]) -> Self:
        """The same for other rows, such as the pictures of the rows: segment `i` has `bounds[i]` to `bounds[i + 1]`."""
        ...
