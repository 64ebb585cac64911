"""Backbone: a language model that reads text and a visual prompt, and whose sites a graft can reach.

A component's `build(options) -> Backbone`; its options subclass `BackboneOptions`. It may be built under
`torch.device("meta")` to count parameters, and must then load no weights. A backbone owns its masks and positions; it
never keeps anything of a batch as state.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.types.site import Site


@dataclass(frozen=True)
class Longest:
    """Tokens that a backbone has positions for, special ones counted; None where it takes any number."""

    input: int | None = None
    """Of an input text."""
    output: int | None = None
    """Of a target, a candidate or an output."""
    together: int | None = None
    """Of input text and visual prompt together, where the prompt's tokens take positions too."""


@dataclass(frozen=True)
class Encoded:
    """What a decoder attends to."""

    states: Tensor
    """`(rows, tokens, width)`, text then visual prompt."""
    mask: Tensor
    """`(rows, tokens)`, True where there is a token."""

    def expand(self, copies: int) -> "Encoded":
        """Each row repeated `copies` times in place."""
        return Encoded(self.states.repeat_interleave(copies, 0), self.mask.repeat_interleave(copies, 0))


class DecoderState(ABC):
    """Caches between decoding steps."""

    @abstractmethod
    def select(self, rows: Tensor) -> "DecoderState":
        """The caches of the given rows `(new rows,)`."""

    def reorder(self, rows: Tensor) -> "DecoderState":
        """As `select`, where each row is replaced by one that reads the same input: a beam by another of its row."""
        return self.select(rows)


class Backbone(nn.Module, ABC):
    """A frozen language model, its tokenizer and its sites."""

    model: nn.Module
    """The transformers model whose modules it runs; `Site.module` is a path in it."""
    width: int
    norm: type[nn.Module]
    """Its normalisation, called as `norm(width)`."""
    end: int
    """Id that ends a target."""
    origin: str = ""
    """Where the weights came from, in a recipe's words; a hub's revision as its commit: `hub:NAME@COMMIT`."""
    longest: Longest = Longest()
    """How long texts may be; `check` holds the limits of a recipe against it."""

    @abstractmethod
    def sites(self) -> tuple[Site, ...]:
        """All places where adapters may act; their names are what `Interceptor` receives."""

    @abstractmethod
    def word_table(self) -> Tensor:
        """Word embeddings `(rows, width)`."""

    @abstractmethod
    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        """Input texts to ids and mask, both `(texts, tokens)`, special tokens added, cut to `limit` tokens."""

    @abstractmethod
    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        """Target texts to ids `(texts, tokens)` that end with `end`, padded with `IGNORED`."""

    @abstractmethod
    def detokenize(self, ids: Tensor) -> list[str]:
        """Ids `(texts, tokens)` to texts, special tokens left out."""

    @abstractmethod
    def encode(
        self,
        text_ids: Tensor,
        text_mask: Tensor,
        prompt: Tensor | None,
        prompt_mask: Tensor | None,
        intercept: Interceptor,
    ) -> Encoded:
        """Read text `(rows, tokens)` and visual prompt `(rows, prompts, width)` with their masks."""

    @abstractmethod
    def decode(self, encoded: Encoded, target_ids: Tensor, intercept: Interceptor) -> Tensor:
        """Teacher forcing: last hidden states `(rows, target tokens, width)`; state t predicts target t."""

    def decode_each(self, encoded: Encoded, target_ids: Tensor, copies: int, intercept: Interceptor) -> Tensor:
        """As `decode`, with `copies` targets for each row, `(rows * copies, target tokens)`, one behind the other."""
        return self.decode(encoded.expand(copies), target_ids, intercept.expand(copies))

    @abstractmethod
    def head(self, hidden: Tensor) -> Tensor:
        """Hidden states `(..., width)` to logits `(..., vocabulary)`."""

    @abstractmethod
    def start(self, encoded: Encoded, intercept: Interceptor) -> tuple[Tensor, DecoderState]:
        """Begin decoding: logits `(rows, vocabulary)` of the first target token, and the caches."""

    @abstractmethod
    def step(self, tokens: Tensor, state: DecoderState, intercept: Interceptor) -> tuple[Tensor, DecoderState]:
        """One decoding step: the last tokens `(rows,)` to the logits `(rows, vocabulary)` of the next."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Name and hash of the weights in one short text; a graft is refused on another trunk."""
