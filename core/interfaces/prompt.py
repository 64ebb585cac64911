"""PromptGenerator: makes tokens that join those of a text: of media, of the text's states, or of nothing but itself.

A component's `build(options, shape: PromptShape) -> PromptGenerator`; its options subclass `PromptOptions`. It is a
plain module, built on the meta device and called functionally: its parameters are parts of the graft, with owners. It
is in training mode (`self.training`) when the graft is.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

from multigraft.core.types.part import Initial
from multigraft.core.types.preparation import VISUAL
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
    summary: Literal["first", "mean", "last"] = "mean"
    """By which state the backbone tells a text: the first in an encoder with a [CLS] token, the last where text and
    target are one sequence."""


@dataclass(frozen=True)
class MediaTokens:
    """The encoded media of some rows of a batch, all of one kind."""

    tokens: Tensor
    """`(rows, items, tokens, width)`; an item is an image, a frame, a clip of sound."""
    mask: Tensor
    """`(rows, items)`, True where there is an item and not padding at the end."""
    times: Tensor
    """`(rows, items)`, seconds of frames and clips; 0 for images."""
    kind: str
    """`image`, `video`, `audio`."""
    layout: TokenLayout | None = None
    """Which tokens of an item form a grid; None if unsaid."""
    token_mask: Tensor | None = None
    """`(rows, items, tokens)`, True at an item's real tokens, which stand first; None where all of an item are."""
    modality: str = VISUAL
    """Whose encoder has made them."""

    @property
    def real(self) -> Tensor:
        """`(rows, items, tokens)`, True where there is a token."""
        if self.token_mask is not None:
            return self.token_mask & self.mask[:, :, None]
        return self.mask[:, :, None].expand(self.tokens.shape[:3])

    def of(self, taken: Callable[[Tensor], Tensor]) -> "MediaTokens":
        """The same of other rows; `taken` gives their part of a tensor."""
        mask = None if self.token_mask is None else taken(self.token_mask)
        return replace(self, tokens=taken(self.tokens), mask=taken(self.mask), times=taken(self.times), token_mask=mask)


class PromptGenerator(nn.Module, ABC):
    """Makes a prompt that the backbone reads as tokens."""

    needs: frozenset[Literal["media", "text"]] = frozenset({"media"})
    """What it is made of. Without media it is made for every row; one that needs nothing is prompt tuning, and is
    counted as text: it has places in the text, and the norm of the embedding where the family has one."""
    marks = False
    """Whether it marks the states that it joins; then nothing can be decoded in that stack."""

    @abstractmethod
    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """The prompt, `(rows, prompts, width)`, and its mask. What it does not need is None; one that needs nothing
        gives one row, for all.

        Args:
            media: encoded media of one kind, of the rows that have any.
            text: states of the stack that it joins, where it joins it, of the same rows.
        """

    def mark(self, states: Tensor) -> Tensor:
        """What becomes of the states that the prompt joins, such as by a code of their modality: `(rows, tokens,
        width)` to the same, of the rows that get the prompt. Asked where it `marks`, and once the prompt is made."""
        return states

    def most_tokens(self) -> int | None:
        """Tokens of a row's prompt at most; None where it cannot say. `check` adds them to the longest text where the
        backbone has positions for both together."""
        return None

    def most_images(self) -> int | None:
        """Images of a sample at most, or clips of sound, if it is made of these; None where there is no limit. A sample
        with more is bad when it is read (`too many images`, `too many audios`), before any is decoded."""
        return None

    def unused(self, kinds: Collection[str]) -> Iterable[str]:
        """Keys of its options that change nothing where the media that it reads are of these kinds. `check` notes those
        whose values are not the defaults."""
        return ()

    @abstractmethod
    def initial(self, parameter: str) -> Initial:
        """The start value of one of its parameters, by name."""

    def frozen(self, parameter: str) -> bool:
        """Whether the parameter is a fixed random tensor instead of a trained one."""
        return False
