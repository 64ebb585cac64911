"""VisualEncoder: media to tokens. Frozen; run under `no_grad` unless something in it is trained.

A component's `build(options) -> VisualEncoder`; its options subclass `EncoderOptions`. It may be built under
`torch.device("meta")` to count parameters, and must then load no weights.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.types.site import Site
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.transform import Transform


class VisualEncoder(nn.Module, ABC):
    """Encodes pictures (or single frames of a video) to a grid of tokens."""

    transform: Transform
    width: int
    """Width of a token."""
    tokens: int
    """Tokens of one picture."""
    origin: str = ""
    """Where the weights came from, in a recipe's words; a hub's revision as its commit: `hub:NAME@COMMIT`."""
    checkpointing: bool = False
    """Whether layers that adapters act in are computed again in the backward pass; set by the recipe's model."""

    @abstractmethod
    def forward(self, pixels: Tensor, intercept: Interceptor) -> Tensor:
        """uint8 pictures `(pictures, 3, size, size)` to float tokens `(pictures, tokens, width)`.

        Rows of `intercept` are pictures here. An encoder without sites has no use for it."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Name, hash of the weights, transform and parameter-free pooling in one short text; keys stored features."""

    def layout(self) -> TokenLayout:
        """Which tokens of a picture form a grid. Say it where there are class or register tokens, or a grid that is no
        square; it is right as it is for a square grid alone."""
        return TokenLayout.unsaid(self.tokens)

    def sites(self) -> tuple[Site, ...]:
        """Where adapters may act inside the encoder; they do where a recipe names its stack."""
        return ()
