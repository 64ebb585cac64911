"""NoGraft: the interceptor of a trunk at whose sites nothing acts."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

from torch import Tensor, nn

from multigraft.core.interfaces.projection import Projection
from multigraft.core.ops.attention import attend
from multigraft.core.types.tokens import AttentionCall

if TYPE_CHECKING:
    from multigraft.core.interfaces.side_network import SideRows


class NoGraft:
    """The trunk without a graft."""

    def __init__(self, training: bool = False) -> None:
        self.training = training

    def acts_at(self, sites: Iterable[str]) -> bool:
        """Nothing does."""
        return False

    def linear(self, site: str, projection: Projection, x: Tensor) -> Tensor:
        """The projection itself."""
        return projection(x)

    def norm(self, site: str, module: nn.Module, x: Tensor) -> Tensor:
        """The normalisation itself."""
        return module(x)  # type: ignore[no-any-return]

    def embedding(self, site: str, module: nn.Module, ids: Tensor) -> Tensor:
        """The embedding itself."""
        return module(ids)  # type: ignore[no-any-return]

    def attention(self, site: str, call: AttentionCall) -> Tensor:
        """Attention to the memory alone."""
        return attend(call)

    def block(self, site: str, x: Tensor, output: Tensor, residual: Tensor | None = None) -> Tensor:
        """The output, unchanged."""
        return output

    def beside(self, stack: str) -> "Sequence[SideRows]":
        """Nothing runs beside it."""
        return ()

    def plain(self) -> Self:
        """Itself."""
        return self

    def masked(self, mask: Tensor | None) -> Self:
        """Itself: nothing acts at its sites."""
        return self

    def narrow(self, start: int, stop: int) -> Self:
        """Itself: no segments."""
        return self

    def expand(self, copies: int) -> Self:
        """Itself: no segments to repeat."""
        return self

    def select(self, bounds: Sequence[int]) -> Self:
        """Itself: no segments."""
        return self
