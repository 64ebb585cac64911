"""T5: pre-norm encoder-decoder with relative position biases (Raffel et al. 2020).

Biases act between text tokens; every pair that includes a visual token has none (VL-Adapter's CLIP-T5).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, pad

from multigraft import Encoded, Interceptor, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Caches, Pair, append, attend, split_heads
from multigraft.plugins.backbones.encoder_decoder import EncoderDecoder
from multigraft.plugins.backbones.options import T5Options
from multigraft.plugins.backbones.sites import attention_sites, block_site, linear_site, norm_site

_MASKED = torch.finfo(torch.float32).min


class T5Backbone(EncoderDecoder):
    """A frozen T5 with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from transformers.models.t5.modeling_t5 import T5LayerNorm

        super().__init__(model, tokenizer, "t5", [])
        self.norm = T5LayerNorm

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.shared.weight  # type: ignore[no-any-return]

    def encode(
        self,
        text_ids: Tensor,
        text_mask: Tensor,
        prompt: Tensor | None,
        prompt_mask: Tensor | None,
        intercept: Interceptor,
    ) -> Encoded:
        """Text, then visual prompt, through the encoder: `(rows, tokens, width)`."""
        x, mask = self.model.shared(text_ids), text_mask
        bias = self._bias("encoder", text_ids.shape[1], text_ids.shape[1])
        if prompt is not None and prompt_mask is not None:
            x, mask = torch.cat([x, prompt.to(x.dtype)], 1), torch.cat([mask, prompt_mask], 1)
            bias = pad(bias, (0, prompt.shape[1], 0, prompt.shape[1]))
        bias = bias + _added(mask)
        x = self._drop(x, intercept)
        for number, block in enumerate(self.model.encoder.block):
            at = f"encoder.{number}"
            x, _ = self._self_attention(block.layer[0], at, x, bias, None, intercept)
            x = self._feed_forward(block.layer[1], at, x, intercept)
        return Encoded(self._finish("encoder", x, intercept), mask)

    def head(self, hidden: Tensor) -> Tensor:
        """The output layer; a tied one reads states divided by sqrt(width)."""
        if getattr(self.config, "scale_decoder_outputs", self.config.tie_word_embeddings):
            hidden = hidden * self.width**-0.5
        return self.model.lm_head(hidden)  # type: ignore[no-any-return]

    def _begin(self, encoded: Encoded, intercept: Interceptor) -> Caches:
        cross: list[Pair] = []
        for number, block in enumerate(self.model.decoder.block):
            at, attention = f"decoder.{number}.cross-attention", block.layer[1].EncDecAttention
            key = intercept.linear(f"{at}.key", attention.k, encoded.states)
            value = intercept.linear(f"{at}.value", attention.v, encoded.states)
            cross.append((split_heads(key, self.config.num_heads), split_heads(value, self.config.num_heads)))
        return Caches((), tuple(cross), _added(encoded.mask))

    def _decoder(self, ids: Tensor, state: Any, intercept: Interceptor) -> tuple[Tensor, Caches]:
        past, new = state.length, ids.shape[1]
        x = self._drop(self.model.shared(ids), intercept)
        bias = self._bias("decoder", new, past + new)
        if new > 1:
            allowed = torch.ones(new, new, dtype=torch.bool, device=ids.device).tril()
            bias = bias.masked_fill(~allowed, _MASKED)
        own: list[Pair] = []
        for number, block in enumerate(self.model.decoder.block):
            at = f"decoder.{number}"
            x, pair = self._self_attention(block.layer[0], at, x, bias, state.own[number] if past else None, intercept)
            own.append(pair)
            x = self._cross_attention(block.layer[1], at, x, state.cross[number], state.mask, intercept)
            x = self._feed_forward(block.layer[2], at, x, intercept)
        return self._finish("decoder", x, intercept), Caches(tuple(own), state.cross, state.mask)

    def _bias(self, stack: str, queries: int, keys: int) -> Tensor:
        attention = getattr(self.model, stack).block[0].layer[0].SelfAttention
        device = attention.relative_attention_bias.weight.device
        query = torch.arange(keys - queries, keys, device=device)[:, None]
        distance = torch.arange(keys, device=device)[None, :] - query
        buckets = attention._relative_position_bucket(
            distance,
            bidirectional=stack == "encoder",
            num_buckets=self.config.relative_attention_num_buckets,
            max_distance=self.config.relative_attention_max_distance,
        )
        return attention.relative_attention_bias(buckets).permute(2, 0, 1)[None]  # type: ignore[no-any-return]

    def _self_attention(
        self, layer: Any, at: str, x: Tensor, bias: Tensor, past: Pair | None, intercept: Interceptor
    ) -> tuple[Tensor, Pair]:
        site, attention = f"{at}.self-attention", layer.SelfAttention
        normed = intercept.norm(f"{site}.norm", layer.layer_norm, x)
        key = split_heads(intercept.linear(f"{site}.key", attention.k, normed), self.config.num_heads)
        value = split_heads(intercept.linear(f"{site}.value", attention.v, normed), self.config.num_heads)
        pair = append(past, key, value)
        return self._attend(attention, site, x, normed, pair, bias, intercept), pair

    def _cross_attention(
        self, layer: Any, at: str, x: Tensor, pair: Pair, mask: Tensor, intercept: Interceptor
    ) -> Tensor:
        site = f"{at}.cross-attention"
        normed = intercept.norm(f"{site}.norm", layer.layer_norm, x)
        return self._attend(layer.EncDecAttention, site, x, normed, pair, mask, intercept)

    def _attend(
        self, attention: Any, site: str, x: Tensor, normed: Tensor, pair: Pair, bias: Tensor, intercept: Interceptor
    ) -> Tensor:
        query = split_heads(intercept.linear(f"{site}.query", attention.q, normed), self.config.num_heads)
        rate = self.config.dropout_rate if intercept.training else 0.0
        mixed = attend(query, *pair, bias, scale=1.0, dropout=rate)
        output = intercept.linear(f"{site}.output", attention.o, mixed)
        return x + self._drop(intercept.block(site, normed, output), intercept)

    def _feed_forward(self, layer: Any, at: str, x: Tensor, intercept: Interceptor) -> Tensor:
        site, dense = f"{at}.feed-forward", layer.DenseReluDense
        normed = intercept.norm(f"{site}.norm", layer.layer_norm, x)
        if self.config.is_gated_act:
            gate = dense.act(intercept.linear(f"{site}.gate", dense.wi_0, normed))
            inner = gate * intercept.linear(f"{site}.up", dense.wi_1, normed)
        else:
            inner = dense.act(intercept.linear(f"{site}.up", dense.wi, normed))
        output = intercept.linear(f"{site}.down", dense.wo, self._drop(inner, intercept))
        return x + self._drop(intercept.block(site, normed, output), intercept)

    def _finish(self, stack: str, x: Tensor, intercept: Interceptor) -> Tensor:
        return self._drop(
            intercept.norm(f"{stack}.final-norm", getattr(self.model, stack).final_layer_norm, x), intercept
        )

    def _drop(self, x: Tensor, intercept: Interceptor) -> Tensor:
        return dropout(x, self.config.dropout_rate, intercept.training)

    def _sites(self) -> Iterator[Site]:
        for stack in ("encoder", "decoder"):
            for number, block in enumerate(getattr(self.model, stack).block):
                yield from self._block_sites(stack, number, f"{stack}.block.{number}", len(block.layer))
            yield norm_site(stack, None, None, "final-norm", self.width, f"{stack}.final_layer_norm")

    def _block_sites(self, stack: str, number: int, root: str, layers: int) -> Iterator[Site]:
        blocks = {"self-attention": "SelfAttention", "cross-attention": "EncDecAttention"}
        heads = self.config.num_heads * self.config.d_kv
        for index, (block, own) in enumerate(list(blocks.items())[: layers - 1]):
            at = f"{root}.layer.{index}"
            yield norm_site(stack, number, block, "norm", self.width, f"{at}.layer_norm")
            yield from attention_sites(stack, number, block, self.width, f"{at}.{own}", _NAMES, heads)
        at = f"{root}.layer.{layers - 1}"
        yield norm_site(stack, number, "feed-forward", "norm", self.width, f"{at}.layer_norm")
        yield block_site(stack, number, "feed-forward", self.width, f"{at}.DenseReluDense")
        ups = {"gate": "wi_0", "up": "wi_1"} if self.config.is_gated_act else {"up": "wi"}
        for name, own in ups.items():
            module = f"{at}.DenseReluDense.{own}"
            yield linear_site(stack, number, "feed-forward", name, self.width, self.config.d_ff, module)
        module = f"{at}.DenseReluDense.wo"
        yield linear_site(stack, number, "feed-forward", "down", self.config.d_ff, self.width, module)


_NAMES = {"query": "q", "key": "k", "value": "v", "output": "o"}


def _added(mask: Tensor) -> Tensor:
    """A mask `(rows, keys)` as numbers added to the scores, `(rows, 1, 1, keys)`."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, _MASKED)[:, None, None, :]


def build(options: T5Options) -> T5Backbone:
    """The backbone of a recipe; random weights without a tokenizer read bytes (ByT5)."""
    from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

    model, origin = loading.load_model(options, T5ForConditionalGeneration, T5Config)
    backbone = T5Backbone(model, loading.load_tokenizer(options, ByT5Tokenizer))
    backbone.origin = origin
    return backbone
