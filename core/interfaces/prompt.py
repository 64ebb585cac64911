"""PromptGenerator: makes tokens that join those of a text: of media, of the text's states, or of nothing but itself.

A component's `build(options, shape: PromptShape) -> PromptGenerator`; its options subclass `PromptOptions`. It is a
plain module, built on the meta device and called functionally: its parameters are parts of the graft, with owners.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from multigraft.core.types.part import Initial
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.tokens import Tokens


@dataclass(frozen=True)
class PromptShape:
    """What stands on both sides of a prompt generator."""

    feature_width: int
    """Width of a visual token."""
    tokens: int
    """Tokens of one picture as the encoder gives them."""
    width: int
    """Width of the backbone."""
    norm: type[nn.Module]
    """The backbone's normalisation, called as `norm(width)`: LayerNorm in BART, RMS norm in T5."""
    word_table: Tensor | None = None
    """The backbone's word embeddings `(rows, width)`, frozen."""
    layout: TokenLayout | None = None
    """Which of the `tokens` form a grid; None if unsaid."""


@dataclass(frozen=True)
class VisualTokens:
    """The encoded media of some rows of a batch, all of one kind."""

    tokens: Tensor
    """`(rows, pictures, tokens, width)`; a picture is an image or a frame."""
    mask: Tensor
    """`(rows, pictures)`, True where there is a picture and not padding at the end."""
    times: Tensor
    """`(rows, pictures)`, seconds of the frames; 0 for images."""
    kind: str
    """`image` or `video`."""
    layout: TokenLayout | None = None
    """Which tokens of a picture form a grid; None if unsaid."""


class PromptGenerator(nn.Module, ABC):
    """Makes a prompt that the backbone reads as tokens."""

    needs: frozenset[Literal["media", "text"]] = frozenset({"media"})
    """What it is made of. Without media it is made for every row; one that needs nothing is prompt tuning, and is
    counted as text: it has places in the text, and the norm of the embedding where the family has one."""

    @abstractmethod
    def forward(self, media: VisualTokens | None, text: Tokens | None) -> Tokens:
        """The prompt, `(rows, prompts, width)`, and its mask. What it does not need is None; one that needs nothing
        gives one row, for all.

        Args:
            media: encoded media of one kind, of the rows that have any.
            text: states of the stack that it joins, where it joins it, of the same rows.
        """

    def most_tokens(self) -> int | None:
        """Tokens of a row's prompt at most; None where it cannot say. `check` adds them to the longest text where the
        backbone has positions for both together."""
        return None

    def most_images(self) -> int | None:
        """Images of a sample at most; None where there is no limit. A sample with more is `too many images` when it is
        read, before any is decoded."""
        return None

    @abstractmethod
    def initial(self, parameter: str) -> Initial:
        """The start value of one of its parameters, by name."""

    def frozen(self, parameter: str) -> bool:
        """Whether the parameter is a fixed random tensor instead of a trained one."""
        return False
