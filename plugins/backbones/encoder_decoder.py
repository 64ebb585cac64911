"""What BART, T5 and their like have in common: texts, shifted targets, and decoding step by step."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from multigraft import IGNORED, Backbone, DecoderState, Encoded, Interceptor, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Caches
from multigraft.plugins.backbones.text import TextCodec


class EncoderDecoder(Backbone):
    """A frozen encoder-decoder with its tokenizer; a family adds its layers and its sites."""

    model: Any
    """The transformers model; type checkers do not know its modules."""

    def __init__(self, model: Any, tokenizer: Any, name: str, begin: Sequence[int]) -> None:
        super().__init__()
        config = model.config
        self.model, self.name, self.config = model, name, config
        self.width, self.end = config.d_model, config.eos_token_id
        self.text = TextCodec(tokenizer, begin, config.eos_token_id, config.pad_token_id)
        start = getattr(config, "decoder_start_token_id", None)
        self.first = config.pad_token_id if start is None else start
        loading.freeze(self)

    def sites(self) -> tuple[Site, ...]:
        """Blocks, projections and norms of both stacks."""
        return tuple(self._sites())

    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        """Ids and mask `(texts, tokens)`, with the family's special tokens."""
        return self.text.inputs(texts, limit)

    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        """Ids `(texts, tokens)`, with the same special tokens as inputs."""
        return self.text.encode(texts, limit, IGNORED)

    def detokenize(self, ids: Tensor) -> list[str]:
        """Texts without special tokens."""
        return self.text.decode(ids)

    def decode(self, encoded: Encoded, target_ids: Tensor, intercept: Interceptor) -> Tensor:
        """Teacher forcing; the input is the target shifted right behind the decoder's start token."""
        hidden, _ = self._decoder(self._shifted(target_ids), self._begin(encoded, intercept), intercept)
        return hidden

    def decode_each(self, encoded: Encoded, target_ids: Tensor, copies: int, intercept: Interceptor) -> Tensor:
        """Keys and values of cross-attention are made once for all targets of a row."""
        rows = torch.arange(encoded.states.shape[0], device=target_ids.device).repeat_interleave(copies)
        caches = self._begin(encoded, intercept).select(rows)
        hidden, _ = self._decoder(self._shifted(target_ids), caches, intercept.expand(copies))
        return hidden

    def _shifted(self, target_ids: Tensor) -> Tensor:
        shifted = target_ids.new_full(target_ids.shape, self.first)
        shifted[:, 1:] = target_ids[:, :-1].masked_fill(target_ids[:, :-1] == IGNORED, self.config.pad_token_id)
        return shifted

    def start(self, encoded: Encoded, intercept: Interceptor) -> tuple[Tensor, DecoderState]:
        """Logits after the decoder's start token."""
        first = torch.full((encoded.states.shape[0],), self.first, device=encoded.states.device)
        return self.step(first, self._begin(encoded, intercept), intercept)

    def step(self, tokens: Tensor, state: DecoderState, intercept: Interceptor) -> tuple[Tensor, DecoderState]:
        """One more token."""
        hidden, grown = self._decoder(tokens[:, None], state, intercept)
        return self.head(hidden[:, -1]), grown

    def fingerprint(self) -> str:
        """Name and hash of the weights."""
        return loading.fingerprint(self.name, self.model)

    @abstractmethod
    def _begin(self, encoded: Encoded, intercept: Interceptor) -> Caches:
        """The caches before the first token: keys and values of cross-attention."""

    @abstractmethod
    def _decoder(self, ids: Tensor, state: Any, intercept: Interceptor) -> tuple[Tensor, Caches]:
        """New tokens `(rows, tokens)` to states `(rows, tokens, width)` and grown caches."""

    @abstractmethod
    def _sites(self) -> Iterator[Site]:
        """Every site."""
