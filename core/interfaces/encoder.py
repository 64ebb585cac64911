"""Encoder: media to tokens. Run under `no_grad` unless adapters act in it or `graft.train.encoder` trains it in place.

A component's `build(options) -> Encoder`; its options subclass `EncoderOptions`. It may be built under
`torch.device("meta")` to count parameters, and must then load no weights. `VisualEncoder` is the contract of the kind
`visual_encoders`, whose encoders read pictures and frames; encoders of other modalities are of the kind `encoders`.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.types.preparation import Preparation
from multigraft.core.types.site import Site
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens
from multigraft.core.types.transform import Transform


class Encoder(nn.Module, ABC):
    """Encodes the items of one modality, such as clips of sound, to tokens.

    It stays in evaluation mode, also where it is trained: no dropout, and batch norms keep their statistics.
    """

    width: int
    """Width of a token."""
    tokens: int
    """Tokens of one item, at most."""
    origin: str = ""
    """Where the weights came from, in a recipe's words; a hub's revision as its commit: `hub:NAME@COMMIT`."""
    checkpointing: bool = False
    """Whether layers that need a gradient are computed again in the backward pass; set by the recipe's model."""

    @abstractmethod
    def preparation(self) -> Preparation:
        """What an input must make of bytes; says which inputs can."""

    @abstractmethod
    def encode(self, arrays: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tokens:
        """Items `(items, length, ...)` to float tokens `(items, tokens, width)` and their mask `(items, tokens)`.

        An item's tokens are the same alone and beside longer ones. Rows of `intercept` are items here. An encoder
        without sites has no use for it.

        Args:
            mask: `(items, length)`, True at what is real; None where all items are of one length.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Name, hash of the weights as loaded, preparation and parameter-free pooling in one short text; keys stored
        features."""

    def layout(self) -> TokenLayout:
        """Which tokens of an item form a grid; none do if it says nothing."""
        return TokenLayout(self.tokens)

    def sites(self) -> tuple[Site, ...]:
        """Where adapters may act inside the encoder; they do where a recipe names its stack."""
        return ()


class VisualEncoder(Encoder):
    """Encodes pictures (or single frames of a video) to a grid of tokens."""

    transform: Transform

    @abstractmethod
    def forward(self, pixels: Tensor, intercept: Interceptor) -> Tensor:
        """uint8 pictures `(pictures, 3, size, size)` to float tokens `(pictures, tokens, width)`.

        Rows of `intercept` are pictures here. An encoder without sites has no use for it."""

    def preparation(self) -> Preparation:
        """Its transform."""
        return self.transform

    def encode(self, arrays: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tokens:
        """As `forward`; pictures are all of one size."""
        return Tokens(self(arrays, intercept))

    def layout(self) -> TokenLayout:
        """Which tokens of a picture form a grid. Say it where there are class or register tokens, or a grid that is no
        square; it is right as it is for a square grid alone."""
        return TokenLayout.unsaid(self.tokens)
