"""BERT as a text decoder: causal, with cross-attention to prompts (transformers' `is_decoder`, `add_cross_attention`).

A row reads its text and, right behind it, its target. What the cross-attention reads is made by prompt generators that
say `layer: memory`; in a row without any, and in a batch without any, it does nothing, as in transformers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from multigraft import Interceptor, MultigraftError, Site
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.bert_layers import (
    NAMES,
    BertLayer,
    BertStack,
    embedding_sites,
    layer_sites,
    narrow_bert,
    special_ids,
)
from multigraft.plugins.backbones.decoder_only import DecoderOnly, placed
from multigraft.plugins.backbones.decoder_texts import DecoderTexts, TextForm
from multigraft.plugins.backbones.sites import attention_sites, norm_site, projections
from multigraft.plugins.backbones.text import TextCodec
from multigraft.stacks import (
    LayerCache,
    LayerInputs,
    Longest,
    NarrowStack,
    Projection,
    Seen,
    Tokens,
    self_attention_mask,
)


class BertDecoderLayer(BertLayer):
    """Self-attention, cross-attention where there is a memory, feed-forward; a norm behind each."""

    def __init__(self, block: Any, at: str, config: Any) -> None:
        super().__init__(block, at, config)
        self._cross = self._attention(block.crossattention) if hasattr(block, "crossattention") else None

    def _attention(self, module: nn.Module) -> Attention:
        heads, rate = self.config.num_attention_heads, self.config.attention_probs_dropout_prob
        return Attention(f"{self.at}.cross-attention", projections(module, NAMES), heads, dropout=rate)

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same."""
        pair, cache = grown(cache, self._own.key_values(x, intercept))
        output = self._own.mix(self._own.query(x, intercept), pair, shared.mask, intercept)
        x = self._join("self-attention", x, output, self.block.attention.output.LayerNorm, intercept)
        if shared.memory is not None and self._cross is not None:
            x, cache = self._read(self._cross, x, shared.memory, shared, cache, intercept)
        return self._feed_forward(x, intercept), cache

    def _read(
        self,
        cross: Attention,
        x: Tensor,
        memory: Tokens,
        shared: LayerInputs,
        cache: LayerCache | None,
        intercept: Interceptor,
    ) -> tuple[Tensor, LayerCache | None]:
        pair, cache = cross.memory_of(shared, cache, intercept)
        output = cross.mix(cross.query(x, intercept), pair, shared.memory_mask, intercept)
        read = self._join("cross-attention", x, output, self.block.crossattention.output.LayerNorm, intercept)
        if memory.mask is None:
            return read, cache
        having = memory.mask.any(1)
        having = having.repeat_interleave(x.shape[0] // having.shape[0])
        return torch.where(having[:, None, None], read, x), cache


class BertDecoderStack(BertStack):
    """BERT's layers, each token reading those before it."""

    name = "decoder"
    reads = "text+target"
    reads_memory = True
    layer_kind = BertDecoderLayer

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """As the encoder does it; padding behind the last position has some."""
        return super().embed(ids, positions.clamp(max=self.config.max_position_embeddings - 1), intercept)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The causal mask, and which tokens of the memory are read; of none that is real any, as it does not count.

        Raises:
            MultigraftError: a row has more tokens than there are positions.
        """
        if tokens.states.shape[1] + (past.tokens if past else 0) > self.config.max_position_embeddings:
            self._refuse_long(tokens)
        mask = self_attention_mask(tokens, past, causal=True)
        if memory is None or memory.mask is None:
            return LayerInputs(mask, memory)
        read = memory.mask | ~memory.mask.any(1, keepdim=True)
        return LayerInputs(mask, memory, read[:, None, None, :])

    def _refuse_long(self, tokens: Tokens) -> None:
        longest = int(placed(tokens).expand_as(tokens.real).masked_fill(~tokens.real, -1).max()) + 1
        if longest > (most := self.config.max_position_embeddings):
            raise MultigraftError(f"{longest} tokens in a row, and the backbone has positions for {most}")


class BertDecoder(DecoderOnly):
    """A frozen BERT that decodes, with its tokenizer."""

    norm = nn.LayerNorm
    forms: ClassVar[Mapping[str, TextForm]] = {}

    def __init__(self, model: Any, tokenizer: Any) -> None:
        most = model.config.max_position_embeddings
        super().__init__(model, tokenizer, BertDecoderStack(model.bert, model.config), most, _texts)
        self.longest = Longest(most, most)
        self._head = Projection(model.cls.predictions.decoder)

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.bert.embeddings.word_embeddings.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose feed-forwards are narrower by as much; the heads are as many. They have no cross-attention, as
        no prompt joins a memory beside them.

        Raises:
            MultigraftError: they cannot share the width.
        """
        return narrow_bert(self.model, BertDecoderStack, width, layers, add_cross_attention=False)

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """Logits of the next token."""
        return intercept.linear("head", self._head, self.model.cls.predictions.transform(hidden))

    def _sites(self) -> Iterator[Site]:
        width, heads = self.width, self.config.num_attention_heads
        yield from embedding_sites("decoder", self.config)
        for number in range(self.config.num_hidden_layers):
            at = f"bert.encoder.layer.{number}"
            yield from layer_sites("decoder", number, at, self.config)
            cross = f"{at}.crossattention"
            yield from attention_sites("decoder", number, "cross-attention", width, cross, NAMES, heads)
            yield norm_site("decoder", number, "cross-attention", "norm", width, f"{cross}.output.LayerNorm")


def _texts(config: Any, tokenizer: Any) -> DecoderTexts:
    """A text has CLS in front, a target SEP behind."""
    begin, end, pad = special_ids(tokenizer)
    return DecoderTexts(TextCodec(tokenizer, begin, [], pad), TextCodec(tokenizer, [], end, pad))
