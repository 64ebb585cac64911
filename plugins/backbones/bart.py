"""BART: post-norm encoder-decoder with learned positions (Lewis et al. 2020).

Text comes first; the visual prompt is put behind it after the embedding norm, without positions (VL-Adapter,
section 3).
"""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import dropout, embedding

from multigraft import Interceptor, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.encoder_decoder import EncoderDecoder
from multigraft.plugins.backbones.narrow import even_heads, narrow_model, share_of, start_of, without
from multigraft.plugins.backbones.options import BartOptions
from multigraft.plugins.backbones.sites import (
    attention_sites,
    block_site,
    linear_site,
    norm_site,
    projections,
    word_sites,
)
from multigraft.stacks import (
    Layer,
    LayerCache,
    LayerInputs,
    Longest,
    NarrowStack,
    Projection,
    Seen,
    Stack,
    Tokens,
    memory_mask,
    self_attention_mask,
)


class BartLayer(Layer):
    """Self-attention, cross-attention in the decoder, feed-forward; a norm behind each."""

    def __init__(self, block: Any, at: str, config: Any, decodes: bool) -> None:
        super().__init__()
        self.block, self.config, self.at = block, config, at
        self.activation = block.activation_fn
        self._own = self._attention(block.self_attn, "self-attention")
        self._cross = self._attention(block.encoder_attn, "cross-attention") if decodes else None
        self._up, self._down = Projection(block.fc1), Projection(block.fc2)

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same."""
        pair, cache = grown(cache, self._own.key_values(x, intercept))
        output = self._own.mix(self._own.query(x, intercept), pair, shared.mask, intercept)
        x = self._join("self-attention", x, output, self.block.self_attn_layer_norm, intercept)
        if self._cross is not None:
            memory, cache = self._cross.memory_of(shared, cache, intercept)
            output = self._cross.mix(self._cross.query(x, intercept), memory, shared.memory_mask, intercept)
            x = self._join("cross-attention", x, output, self.block.encoder_attn_layer_norm, intercept)
        return self._feed_forward(x, intercept), cache

    def _feed_forward(self, x: Tensor, intercept: Interceptor) -> Tensor:
        site = f"{self.at}.feed-forward"
        inner = self.activation(intercept.linear(f"{site}.up", self._up, x))
        inner = dropout(inner, self.config.activation_dropout, intercept.training)
        output = intercept.linear(f"{site}.down", self._down, inner)
        return self._join("feed-forward", x, output, self.block.final_layer_norm, intercept)

    def _join(self, block: str, x: Tensor, output: Tensor, norm: nn.Module, intercept: Interceptor) -> Tensor:
        site = f"{self.at}.{block}"
        output = dropout(intercept.block(site, x, output), self.config.dropout, intercept.training)
        return intercept.norm(f"{site}.norm", norm, x + output)

    def _attention(self, module: Any, block: str) -> Attention:
        own = projections(module, _NAMES)
        return Attention(f"{self.at}.{block}", own, module.num_heads, dropout=self.config.attention_dropout)


class BartStack(Stack):
    """BART's encoder or decoder."""

    def __init__(self, name: str, module: Any, config: Any) -> None:
        super().__init__()
        self.name, self.module, self.config = name, module, config
        self.decodes = name == "decoder"
        self.reads, self.memory = ("target", "encoder") if self.decodes else ("text", None)
        self.layers = nn.ModuleList(
            BartLayer(block, f"{name}.{number}", config, self.decodes) for number, block in enumerate(module.layers)
        )

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Words and positions, normed."""
        places = self.module.embed_positions
        placed = embedding(positions + places.offset, places.weight)
        return self.as_words(intercept.embedding("words", self.module.embed_tokens, ids) + placed, intercept)

    def as_words(self, states: Tensor, intercept: Interceptor) -> Tensor:
        """The embedding norm: a learned prompt has it, and no positions (VL-Adapter's prompt tuning)."""
        x = intercept.norm(f"{self.name}.embedding-norm", self.module.layernorm_embedding, states)
        return dropout(x, self.config.dropout, intercept.training)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """Masks."""
        return LayerInputs(self_attention_mask(tokens, past, self.decodes), memory, memory_mask(memory))


class BartBackbone(EncoderDecoder):
    """A frozen BART with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        stacks = [BartStack(stack, getattr(model.model, stack), model.config) for stack in ("encoder", "decoder")]
        super().__init__(model, tokenizer, name, [model.config.bos_token_id], stacks)
        self.norm = nn.LayerNorm
        self.longest = Longest(model.config.max_position_embeddings, model.config.max_position_embeddings)
        self._head = Projection(model.lm_head)

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`, tied to the output layer."""
        return self.model.model.shared.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose feed-forwards are narrower by as much; the heads are as many.

        Raises:
            MultigraftError: they cannot share the width.
        """
        inner, heads = f"{name}_ffn_dim", getattr(self.config, f"{name}_attention_heads")
        share = share_of(getattr(self.config, inner), width, self.width)
        fields = {"d_model": even_heads(width, heads), inner: share, f"{name}_layers": layers}
        module = getattr(narrow_model(self.model, fields).model, name)
        without(module, "embed_tokens", "embed_positions", "layernorm_embedding")
        return NarrowStack(BartStack(name, module, self.config), start_of(self.config.init_std))

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """The tied output layer and its bias."""
        return intercept.linear("head", self._head, hidden) + self.model.final_logits_bias  # type: ignore[no-any-return]

    def _sites(self) -> Iterator[Site]:
        yield from word_sites(self.config.vocab_size, self.width, "model.shared", "lm_head")
        ways = {"encoder": self.config.encoder_ffn_dim, "decoder": self.config.decoder_ffn_dim}
        heads = {"encoder": self.config.encoder_attention_heads, "decoder": self.config.decoder_attention_heads}
        for stack, inner in ways.items():
            root = f"model.{stack}"
            yield norm_site(stack, None, None, "embedding-norm", self.width, f"{root}.layernorm_embedding")
            for number in range(len(getattr(self.model.model, stack).layers)):
                yield from self._layer_sites(stack, number, f"{root}.layers.{number}", heads[stack], inner)

    def _layer_sites(self, stack: str, number: int, at: str, heads: int, inner: int) -> Iterator[Site]:
        width = self.width
        blocks = {"self-attention": ("self_attn", "self_attn_layer_norm")}
        if stack == "decoder":
            blocks["cross-attention"] = ("encoder_attn", "encoder_attn_layer_norm")
        for block, (module, norm) in blocks.items():
            yield from attention_sites(stack, number, block, width, f"{at}.{module}", _NAMES, heads)
            yield norm_site(stack, number, block, "norm", width, f"{at}.{norm}")
        yield block_site(stack, number, "feed-forward", width, at)
        yield linear_site(stack, number, "feed-forward", "up", width, inner, f"{at}.fc1")
        yield linear_site(stack, number, "feed-forward", "down", inner, width, f"{at}.fc2")
        yield norm_site(stack, number, "feed-forward", "norm", width, f"{at}.final_layer_norm")


_NAMES = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}


def build(options: BartOptions) -> BartBackbone:
    """The backbone of a recipe."""
    from transformers import BartConfig, BartForConditionalGeneration

    from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

    model, origin, _ = loading.load_model(options, BartForConditionalGeneration, BartConfig)
    backbone = BartBackbone(model, loading.load_tokenizer(options, sapling_tokenizer), "bart")
    backbone.origin = origin
    return backbone
