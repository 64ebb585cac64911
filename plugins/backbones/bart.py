"""BART: post-norm encoder-decoder with learned positions (Lewis et al. 2020).

The layers run here, one at a time, over transformers' modules, so that a graft reaches every block, projection and
norm. Text comes first; the visual prompt is put behind it after the embedding norm, without positions
(VL-Adapter, section 3).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from multigraft import Encoded, Interceptor, Longest, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Caches, Pair, append, attend, causal_mask, split_heads
from multigraft.plugins.backbones.encoder_decoder import EncoderDecoder
from multigraft.plugins.backbones.options import BartOptions
from multigraft.plugins.backbones.sites import attention_sites, block_site, linear_site, norm_site


class BartBackbone(EncoderDecoder):
    """A frozen BART with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        super().__init__(model, tokenizer, name, [model.config.bos_token_id])
        self.norm = nn.LayerNorm
        self.longest = Longest(model.config.max_position_embeddings, model.config.max_position_embeddings)
        self.activation = model.model.encoder.layers[0].activation_fn if self.config.encoder_layers else nn.GELU()

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`, tied to the output layer."""
        return self.model.model.shared.weight  # type: ignore[no-any-return]

    def encode(
        self,
        text_ids: Tensor,
        text_mask: Tensor,
        prompt: Tensor | None,
        prompt_mask: Tensor | None,
        intercept: Interceptor,
    ) -> Encoded:
        """Text, then visual prompt, through the encoder: `(rows, tokens, width)`."""
        x = self._embed("encoder", text_ids, 0, intercept)
        mask = text_mask
        if prompt is not None and prompt_mask is not None:
            x, mask = torch.cat([x, prompt.to(x.dtype)], 1), torch.cat([mask, prompt_mask], 1)
        for number, layer in enumerate(self.model.model.encoder.layers):
            at = f"encoder.{number}"
            x, _ = self._self_attention(layer, at, x, mask[:, None, None, :], None, intercept)
            x = self._feed_forward(layer, at, x, intercept)
        return Encoded(x, mask)

    def head(self, hidden: Tensor) -> Tensor:
        """The tied output layer and its bias."""
        return self.model.lm_head(hidden) + self.model.final_logits_bias  # type: ignore[no-any-return]

    def _begin(self, encoded: Encoded, intercept: Interceptor) -> Caches:
        cross: list[Pair] = []
        for number, layer in enumerate(self.model.model.decoder.layers):
            at, attention = f"decoder.{number}.cross-attention", layer.encoder_attn
            key = intercept.linear(f"{at}.key", attention.k_proj, encoded.states)
            value = intercept.linear(f"{at}.value", attention.v_proj, encoded.states)
            cross.append((split_heads(key, attention.num_heads), split_heads(value, attention.num_heads)))
        return Caches((), tuple(cross), encoded.mask[:, None, None, :])

    def _decoder(self, ids: Tensor, state: Any, intercept: Interceptor) -> tuple[Tensor, Caches]:
        past = state.length
        x = self._embed("decoder", ids, past, intercept)
        mask = causal_mask(ids.shape[1], ids.device) if past == 0 else None
        own: list[Pair] = []
        for number, layer in enumerate(self.model.model.decoder.layers):
            at = f"decoder.{number}"
            x, pair = self._self_attention(layer, at, x, mask, state.own[number] if past else (), intercept)
            own.append(pair)
            x = self._cross_attention(layer, at, x, state.cross[number], state.mask, intercept)
            x = self._feed_forward(layer, at, x, intercept)
        return x, Caches(tuple(own), state.cross, state.mask)

    def _embed(self, stack: str, ids: Tensor, past: int, intercept: Interceptor) -> Tensor:
        module = getattr(self.model.model, stack)
        positions = module.embed_positions(ids, past)
        x = intercept.norm(f"{stack}.embedding-norm", module.layernorm_embedding, module.embed_tokens(ids) + positions)
        return self._drop(x, intercept)

    def _self_attention(
        self, layer: Any, at: str, x: Tensor, mask: Tensor | None, past: Any, intercept: Interceptor
    ) -> tuple[Tensor, Pair]:
        attention, site = layer.self_attn, f"{at}.self-attention"
        key = split_heads(intercept.linear(f"{site}.key", attention.k_proj, x), attention.num_heads)
        value = split_heads(intercept.linear(f"{site}.value", attention.v_proj, x), attention.num_heads)
        pair = append(past or None, key, value)
        x = self._attend(attention, site, x, pair, mask, layer.self_attn_layer_norm, intercept)
        return x, pair

    def _cross_attention(
        self, layer: Any, at: str, x: Tensor, pair: Pair, mask: Tensor, intercept: Interceptor
    ) -> Tensor:
        norm = layer.encoder_attn_layer_norm
        return self._attend(layer.encoder_attn, f"{at}.cross-attention", x, pair, mask, norm, intercept)

    def _attend(
        self,
        attention: Any,
        site: str,
        x: Tensor,
        pair: Pair,
        mask: Tensor | None,
        norm: nn.Module,
        intercept: Interceptor,
    ) -> Tensor:
        query = split_heads(intercept.linear(f"{site}.query", attention.q_proj, x), attention.num_heads)
        rate = self.config.attention_dropout if intercept.training else 0.0
        mixed = attend(query, *pair, mask, dropout=rate)
        output = intercept.linear(f"{site}.output", attention.out_proj, mixed)
        return self._join(site, x, output, norm, intercept)

    def _feed_forward(self, layer: Any, at: str, x: Tensor, intercept: Interceptor) -> Tensor:
        site = f"{at}.feed-forward"
        inner = self.activation(intercept.linear(f"{site}.up", layer.fc1, x))
        inner = dropout(inner, self.config.activation_dropout, intercept.training)
        output = intercept.linear(f"{site}.down", layer.fc2, inner)
        return self._join(site, x, output, layer.final_layer_norm, intercept)

    def _join(self, site: str, x: Tensor, output: Tensor, norm: nn.Module, intercept: Interceptor) -> Tensor:
        output = self._drop(intercept.block(site, x, output), intercept)
        return intercept.norm(f"{site}.norm", norm, x + output)

    def _drop(self, x: Tensor, intercept: Interceptor) -> Tensor:
        return dropout(x, self.config.dropout, intercept.training)

    def _sites(self) -> Iterator[Site]:
        width, ways = self.width, {"encoder": self.config.encoder_ffn_dim, "decoder": self.config.decoder_ffn_dim}
        for stack, inner in ways.items():
            root = f"model.{stack}"
            yield norm_site(stack, None, None, "embedding-norm", width, f"{root}.layernorm_embedding")
            for number in range(len(getattr(self.model.model, stack).layers)):
                at = f"{root}.layers.{number}"
                yield from attention_sites(stack, number, "self-attention", width, f"{at}.self_attn", _NAMES)
                yield norm_site(stack, number, "self-attention", "norm", width, f"{at}.self_attn_layer_norm")
                if stack == "decoder":
                    yield from attention_sites(stack, number, "cross-attention", width, f"{at}.encoder_attn", _NAMES)
                    yield norm_site(stack, number, "cross-attention", "norm", width, f"{at}.encoder_attn_layer_norm")
                yield block_site(stack, number, "feed-forward", width, at)
                yield linear_site(stack, number, "feed-forward", "up", width, inner, f"{at}.fc1")
                yield linear_site(stack, number, "feed-forward", "down", inner, width, f"{at}.fc2")
                yield norm_site(stack, number, "feed-forward", "norm", width, f"{at}.final_layer_norm")


_NAMES = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}


def build(options: BartOptions) -> BartBackbone:
    """The backbone of a recipe."""
    from transformers import BartConfig, BartForConditionalGeneration

    from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

    model, origin = loading.load_model(options, BartForConditionalGeneration, BartConfig)
    backbone = BartBackbone(model, loading.load_tokenizer(options, sapling_tokenizer), "bart")
    backbone.origin = origin
    return backbone
