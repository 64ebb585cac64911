"""Decoder-only language models in Llama's form: pre-norm, rotary positions, grouped-query attention, SwiGLU.

Llama (Touvron et al. 2023), Mistral (Jiang et al. 2023) and Qwen2 (Yang et al. 2024) have the same modules by the same
names; Qwen3 (Yang et al. 2025) norms the heads of queries and keys beside, which is no site.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from multigraft import Interceptor, MultigraftError, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.decoder_model import build_model, refuse_config
from multigraft.plugins.backbones.decoder_only import CausalStack, DecoderOnly, placed
from multigraft.plugins.backbones.decoder_texts import FORMS, TextForm, plain
from multigraft.plugins.backbones.gpt2 import Gpt2Backbone
from multigraft.plugins.backbones.narrow import narrow_model, share_of, start_of, without
from multigraft.plugins.backbones.options import DecoderOptions
from multigraft.plugins.backbones.rotary import RotaryInputs, rotated
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
    NarrowStack,
    Projection,
    Seen,
    Tokens,
    self_attention_mask,
)


class DecoderLayer(Layer):
    """Self-attention and feed-forward; a norm before each."""

    def __init__(self, block: Any, at: str, config: Any) -> None:
        super().__init__()
        self.block, self.at = block, at
        self._attention = Attention(
            f"{at}.self-attention",
            projections(block.self_attn, _NAMES),
            config.num_attention_heads,
            config.num_key_value_heads,
            dropout=config.attention_dropout,
        )
        self._ways = projections(block.mlp, _WAYS)
        self._head_norms = {name: getattr(block.self_attn, own, None) for name, own in _HEAD_NORMS.items()}

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same; keys are cached as they were turned."""
        site = f"{self.at}.self-attention"
        normed = intercept.norm(f"{site}.norm", self.block.input_layernorm, x)
        new = self._attention.key_values(normed, intercept)
        pair, cache = grown(cache, replace(new, key=rotated(self._head_normed("key", new.key), shared)))
        query = rotated(self._head_normed("query", self._attention.query(normed, intercept)), shared)
        x = x + intercept.block(site, normed, self._attention.mix(query, pair, shared.mask, intercept), x)
        return self._feed_forward(x, intercept), cache

    def _head_normed(self, name: str, x: Tensor) -> Tensor:
        """Queries or keys `(rows, heads, tokens, head width)`, each head normed where the model does so."""
        norm = self._head_norms[name]
        return x if norm is None else norm(x)

    def _feed_forward(self, x: Tensor, intercept: Interceptor) -> Tensor:
        site = f"{self.at}.feed-forward"
        normed = intercept.norm(f"{site}.norm", self.block.post_attention_layernorm, x)
        gate, up = (intercept.linear(f"{site}.{name}", self._ways[name], normed) for name in ("gate", "up"))
        output = intercept.linear(f"{site}.down", self._ways["down"], self.block.mlp.act_fn(gate) * up)
        return x + intercept.block(site, normed, output, x)


class DecoderStack(CausalStack):
    """The layers of a model in Llama's form."""

    def __init__(self, module: Any, config: Any) -> None:
        super().__init__()
        self.module = module
        self.window: int | None = getattr(config, "sliding_window", None)
        self.layers = nn.ModuleList(
            DecoderLayer(block, f"decoder.{number}", config) for number, block in enumerate(module.layers)
        )

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Words; positions act in attention."""
        return intercept.embedding("words", self.module.embed_tokens, ids)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The causal mask and the angles of the tokens' positions.

        Raises:
            MultigraftError: there are more tokens than attention looks back in the model.
        """
        positions = placed(tokens)
        count = tokens.states.shape[1] + (past.tokens if past else 0)
        if self.window is not None and count > self.window:
            raise MultigraftError(f"{count} tokens, and the backbone's attention has a sliding window of {self.window}")
        cos, sin = self.module.rotary_emb(tokens.states, positions)
        return RotaryInputs(self_attention_mask(tokens, past, causal=True), cos=cos[:, None], sin=sin[:, None])

    def finish(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """The last norm."""
        return intercept.norm("decoder.final-norm", self.module.norm, x)


class DecoderBackbone(DecoderOnly):
    """A frozen model in Llama's form with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, form: TextForm = plain) -> None:
        config = model.config
        refuse_config(config)
        stack, most = DecoderStack(model.model, config), config.max_position_embeddings
        super().__init__(model, tokenizer, stack, min(most, stack.window or most), form)
        self.norm = type(model.model.norm)
        self._head = Projection(model.lm_head)

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.model.embed_tokens.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose heads and feed-forwards are narrower by as much, a head no narrower than 2; the heads are as
        many."""
        config, head = self.config, self.model.model.layers[0].self_attn.head_dim
        fields = {
            "hidden_size": width,
            "head_dim": share_of(head, width, self.width, least=2),
            "intermediate_size": share_of(config.intermediate_size, width, self.width),
            "num_hidden_layers": layers,
        }
        module = without(narrow_model(self.model, fields).model, "embed_tokens")
        module.rotary_emb = type(self.model.model.rotary_emb)(config=module.config)
        return NarrowStack(DecoderStack(module, config), start_of(config.initializer_range))

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """The output layer."""
        return intercept.linear("head", self._head, hidden)

    def _sites(self) -> Iterator[Site]:
        yield from word_sites(self.config.vocab_size, self.width, "model.embed_tokens", "lm_head")
        for number in range(self.config.num_hidden_layers):
            yield from self._layer_sites(number, f"model.layers.{number}")
        yield norm_site("decoder", None, None, "final-norm", self.width, "model.norm")

    def _layer_sites(self, number: int, at: str) -> Iterator[Site]:
        width, inner, config = self.width, self.config.intermediate_size, self.config
        yield norm_site("decoder", number, "self-attention", "norm", width, f"{at}.input_layernorm")
        yield from attention_sites(
            "decoder", number, "self-attention", width, f"{at}.self_attn", _NAMES, config.num_attention_heads,
            config.num_key_value_heads, self.model.model.layers[number].self_attn.head_dim,
        )  # fmt: skip
        yield norm_site("decoder", number, "feed-forward", "norm", width, f"{at}.post_attention_layernorm")
        yield block_site("decoder", number, "feed-forward", width, f"{at}.mlp")
        for name, own in _WAYS.items():
            read, made = (inner, width) if name == "down" else (width, inner)
            yield linear_site("decoder", number, "feed-forward", name, read, made, f"{at}.mlp.{own}")


_NAMES = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "o_proj"}
_HEAD_NORMS = {"query": "q_norm", "key": "k_norm"}
_WAYS = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}


_OTHERS: Mapping[str, type[DecoderOnly]] = {"gpt2": Gpt2Backbone}
"""Backbones of the model types that have another form."""


def backbone_of(model: Any, tokenizer: Any, form: TextForm = plain) -> DecoderOnly:
    """The backbone over a model of transformers, by its type."""
    own: Any = _OTHERS.get(model.config.model_type, DecoderBackbone)
    return own(model, tokenizer, form)  # type: ignore[no-any-return]


def build(options: DecoderOptions) -> DecoderOnly:
    """The backbone of a recipe; random weights without a tokenizer have sapling's, of 5000 words."""
    from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

    loaded = build_model(options)
    form, config = FORMS[options.texts], loaded.model.config
    tokenizer = loading.load_tokenizer(options, sapling_tokenizer, partial(form, config))
    backbone = backbone_of(loaded.model, tokenizer, form)
    backbone.origin = loaded.origin
    return backbone
