"""Backbone: a language model as stacks of layers, its tokenizer and its sites.

A component's `build(options) -> Backbone`; its options subclass `BackboneOptions`. It may be built under
`torch.device("meta")` to count parameters, and must then load no weights. It never keeps anything of a batch as state.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.interceptor import Interceptor
from multigraft.core.interfaces.stack import NarrowStack, Stack
from multigraft.core.types.arranged import Arranged
from multigraft.core.types.site import Site
from multigraft.core.types.vocabulary import Vocabulary


@dataclass(frozen=True)
class Longest:
    """Tokens that a backbone has positions for, special ones counted; None where it takes any number."""

    input: int | None = None
    """Of an input text."""
    output: int | None = None
    """Of a target, a candidate or an output."""
    together: int | None = None
    """Of prompts, input text and what is predicted behind it together, where all of them take positions."""


@dataclass(frozen=True)
class Entrance:
    """Where a visual prompt joins a backbone's tokens, if a recipe says nothing else."""

    stack: str
    place: Literal["front", "back"]
    layer: int | Literal["embedding", "memory"] = "embedding"


class Backbone(nn.Module, ABC):
    """A frozen language model, its tokenizer and its sites."""

    model: nn.Module
    """The transformers model whose modules it runs; `Site.module` is a path in it."""
    width: int
    norm: type[nn.Module]
    """Its normalisation, called as `norm(width)`."""
    end: int
    """Id that ends a target."""
    pad: int
    """Id that fills up."""
    predicts: str | None
    """The stack whose states predict targets; None where no stack does."""
    entrance: Entrance
    summary: Literal["begin", "first", "mean"] = "begin"
    """What heads read of a row: the state that would predict the first target token, or of the text the first token's
    state or the mean."""
    origin: str = ""
    """Where the weights came from, in a recipe's words; a hub's revision as its commit: `hub:NAME@COMMIT`."""
    longest: Longest = Longest()
    """How long texts may be; `check` holds the limits of a recipe against it."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Its ids. Say more where there is one that stands for a hidden word."""
        return Vocabulary(self.word_table().shape[0], kept=frozenset({self.pad}))

    @property
    @abstractmethod
    def stacks(self) -> Mapping[str, Stack]:
        """Its stacks by name; one stands behind those whose states it reads."""

    @abstractmethod
    def sites(self) -> tuple[Site, ...]:
        """All places where adapters may act; their names are what `Interceptor` receives."""

    @abstractmethod
    def word_table(self) -> Tensor:
        """Word embeddings `(rows, width)`."""

    @abstractmethod
    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        """Input texts to ids and mask, both `(texts, tokens)`, special tokens added, cut to `limit` tokens.
        As the other functions of texts it is called by several threads at once."""

    @abstractmethod
    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        """Target texts to ids `(texts, tokens)` that end with `end`, padded with `IGNORED`."""

    @abstractmethod
    def detokenize(self, ids: Tensor) -> list[str]:
        """Ids `(texts, tokens)` to texts, special tokens left out."""

    def with_texts(self, form: str) -> "Backbone":
        """This backbone for the texts of a task that says `texts: form`: the same modules, and other special tokens in
        front of texts and behind texts and targets, which may end with another `end`.

        Raises:
            OptionError: it has no such form, at `texts`; a backbone that says nothing has one form alone.
        """
        raise OptionError(("texts",), "this backbone puts the same tokens around all texts", "leave it out")

    @abstractmethod
    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """What each stack reads of texts `(rows, tokens)` and their targets `(rows, target tokens)`, `IGNORED` at
        padding. Without targets: what is read before the first is decoded, and `places` is `(rows, 1)`."""

    @abstractmethod
    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """Hidden states `(..., width)` to logits `(..., vocabulary)`."""

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """A stack with so many layers as those of one of its own, narrower: what a side network is made of.

        Raises:
            MultigraftError: it has no such layers; a backbone that says nothing has none.
        """
        raise MultigraftError("this backbone gives no narrow layers for a side network")

    @abstractmethod
    def fingerprint(self) -> str:
        """Name and hash of the weights in one short text; a graft is refused on another trunk."""
