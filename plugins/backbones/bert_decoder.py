"""BERT as a text decoder: causal, with cross-attention to prompts (transformers' `is_decoder`, `add_cross_attention`).

A row reads its text and, right behind it, its target. What the cross-attention reads is made by prompt generators that
say `layer: memory`; in a row without any, and in a batch without any, it does nothing, as in transformers.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from multigraft import Interceptor, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.bert_layers import (
    NAMES,
    BertLayer,
    BertStack,
    embedding_sites,
    layer_sites,
    special_ids,
)
from multigraft.plugins.backbones.narrow import even_heads, narrow_model, share_of, start_of, without
from multigraft.plugins.backbones.one_sequence import one_sequence
from multigraft.plugins.backbones.sites import attention_sites, norm_site, projections
from multigraft.plugins.backbones.text import TextCodec
from multigraft.plugins.backbones.transformers_backbone import TransformersBackbone
from multigraft.stacks import (
    Arranged,
    Entrance,
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

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The causal mask, and which tokens of the memory are read; of none that is real any, as it does not count."""
        mask = self_attention_mask(tokens, past, causal=True)
        if memory is None or memory.mask is None:
            return LayerInputs(mask, memory)
        read = memory.mask | ~memory.mask.any(1, keepdim=True)
        return LayerInputs(mask, memory, read[:, None, None, :])


class BertDecoder(TransformersBackbone):
    """A frozen BERT that decodes, with its tokenizer."""

    predicts = "decoder"
    entrance = Entrance("decoder", "front")
    norm = nn.LayerNorm

    def __init__(self, model: Any, tokenizer: Any) -> None:
        text, target = (loading.deferred(partial(_codec, tokenizer, of)) for of in ("text", "target"))
        super().__init__(model, "bert-decoder", [BertDecoderStack(model.bert, model.config)], text, target)
        most = self.config.max_position_embeddings
        self.width, self.longest = self.config.hidden_size, Longest(most, most)
        self._head = Projection(model.cls.predictions.decoder)

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """A row's real text tokens and, right behind them, its targets without their last token."""
        return one_sequence("decoder", self.pad, text_ids, text_mask, target_ids)

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.bert.embeddings.word_embeddings.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose feed-forwards are narrower by as much; the heads are as many. They have no cross-attention, as
        no prompt joins a memory beside them.

        Raises:
            MultigraftError: they cannot share the width.
        """
        config = self.config
        fields = {
            "hidden_size": even_heads(width, config.num_attention_heads),
            "intermediate_size": share_of(config.intermediate_size, width, self.width),
            "num_hidden_layers": layers,
            "add_cross_attention": False,
        }
        module = without(narrow_model(self.model, fields).bert, "embeddings")
        return NarrowStack(BertDecoderStack(module, config), start_of(config.initializer_range))

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


def _codec(tokenizer: Any, of: str) -> TextCodec:
    """A text has something in front, a target an end."""
    begin, end, pad = special_ids(tokenizer)
    return TextCodec(tokenizer, begin, [], pad) if of == "text" else TextCodec(tokenizer, [], end, pad)
