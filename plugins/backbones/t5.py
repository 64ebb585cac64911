"""T5: pre-norm encoder-decoder with relative position biases (Raffel et al. 2020).

Biases act between text tokens; every pair that includes a visual token has none (VL-Adapter's CLIP-T5).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from multigraft import Initial, Interceptor, Site
from multigraft.init import normal, ones
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.encoder_decoder import EncoderDecoder
from multigraft.plugins.backbones.narrow import narrow_model, share_of, without
from multigraft.plugins.backbones.options import T5Options
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
    Stack,
    Tokens,
    memory_mask,
    self_attention_mask,
)

_BIASES = "relative-biases"
"""Table of a stack: a number for each bucket of distances and each head."""
_MASKED = torch.finfo(torch.float32).min


class T5Layer(Layer):
    """Self-attention, cross-attention in the decoder, feed-forward; a norm before each."""

    def __init__(self, block: Any, at: str, config: Any, decodes: bool) -> None:
        super().__init__()
        self.block, self.config, self.at = block, config, at
        self._own = self._attention(block.layer[0].SelfAttention, "self-attention")
        self._cross = self._attention(block.layer[1].EncDecAttention, "cross-attention") if decodes else None
        self.dense = block.layer[-1].DenseReluDense
        ups = {"gate": "wi_0", "up": "wi_1"} if config.is_gated_act else {"up": "wi"}
        self._ways = {name: Projection(getattr(self.dense, own)) for name, own in {**ups, "down": "wo"}.items()}

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same."""
        normed = self._normed("self-attention", 0, x, intercept)
        pair, cache = grown(cache, self._own.key_values(normed, intercept))
        output = self._own.mix(self._own.query(normed, intercept), pair, shared.mask, intercept)
        x = self._join("self-attention", x, normed, output, intercept)
        if self._cross is not None:
            normed = self._normed("cross-attention", 1, x, intercept)
            memory, cache = self._cross.memory_of(shared, cache, intercept)
            output = self._cross.mix(self._cross.query(normed, intercept), memory, shared.memory_mask, intercept)
            x = self._join("cross-attention", x, normed, output, intercept)
        return self._feed_forward(x, intercept), cache

    def _feed_forward(self, x: Tensor, intercept: Interceptor) -> Tensor:
        normed = self._normed("feed-forward", -1, x, intercept)
        if "gate" in self._ways:
            inner = self.dense.act(self._way("gate", normed, intercept)) * self._way("up", normed, intercept)
        else:
            inner = self.dense.act(self._way("up", normed, intercept))
        output = self._way("down", dropout(inner, self.config.dropout_rate, intercept.training), intercept)
        return self._join("feed-forward", x, normed, output, intercept)

    def _way(self, name: str, x: Tensor, intercept: Interceptor) -> Tensor:
        return intercept.linear(f"{self.at}.feed-forward.{name}", self._ways[name], x)

    def _normed(self, block: str, place: int, x: Tensor, intercept: Interceptor) -> Tensor:
        return intercept.norm(f"{self.at}.{block}.norm", self.block.layer[place].layer_norm, x)

    def _join(self, block: str, x: Tensor, normed: Tensor, output: Tensor, intercept: Interceptor) -> Tensor:
        output = intercept.block(f"{self.at}.{block}", normed, output, x)
        return x + dropout(output, self.config.dropout_rate, intercept.training)

    def _attention(self, module: Any, block: str) -> Attention:
        own = projections(module, _NAMES)
        return Attention(f"{self.at}.{block}", own, self.config.num_heads, scale=1.0, dropout=self.config.dropout_rate)


class T5Stack(Stack):
    """T5's encoder or decoder."""

    def __init__(self, name: str, module: Any, config: Any) -> None:
        super().__init__()
        self.name, self.module, self.config = name, module, config
        self.decodes = name == "decoder"
        self.reads, self.memory = ("target", "encoder") if self.decodes else ("text", None)
        self.layers = nn.ModuleList(
            T5Layer(block, f"{name}.{number}", config, self.decodes) for number, block in enumerate(module.block)
        )
        self.relative = module.block[0].layer[0].SelfAttention

    def outside_layers(self) -> Iterable[nn.Parameter]:
        """The table of relative position biases, which stands in the first layer and is used by all."""
        return self.relative.relative_attention_bias.parameters()  # type: ignore[no-any-return]

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Words; positions act in attention."""
        return intercept.embedding("words", self.module.embed_tokens, ids)

    def enter(self, tokens: Tokens, intercept: Interceptor) -> Tensor:
        """Dropout, of inserted tokens too."""
        return dropout(tokens.states, self.config.dropout_rate, intercept.training)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """Masks and relative position biases as added numbers."""
        mask = self_attention_mask(tokens, past, self.decodes)
        bias = self._bias(tokens, past, intercept)
        return LayerInputs(bias if mask is None else bias + _added(mask), memory, _added(memory_mask(memory)))

    def finish(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """The last norm."""
        x = intercept.norm(f"{self.name}.final-norm", self.module.final_layer_norm, x)
        return dropout(x, self.config.dropout_rate, intercept.training)

    def _bias(self, tokens: Tokens, past: Seen | None, intercept: Interceptor) -> Tensor:
        """`(rows or 1, heads, queries, keys)`; 0 where one of the two has no position."""
        queries = tokens.positions
        if queries is None:
            raise ValueError("T5 needs the positions of its tokens")
        keys = queries
        if past is not None and past.positions is not None:
            rows = max(queries.shape[0], past.positions.shape[0])
            keys = torch.cat([past.positions.expand(rows, -1), queries.expand(rows, -1)], 1)
        buckets = self.relative._relative_position_bucket(
            keys[:, None, :] - queries[:, :, None],
            bidirectional=not self.decodes,
            num_buckets=self.config.relative_attention_num_buckets,
            max_distance=self.config.relative_attention_max_distance,
        )
        nowhere = (keys < 0)[:, None, None, :] | (queries < 0)[:, None, :, None]
        site = f"{self.name}.{_BIASES}"
        if intercept.acts_at([site]):
            buckets = buckets.expand(tokens.states.shape[0], -1, -1)
        bias = intercept.embedding(site, self.relative.relative_attention_bias, buckets)
        return bias.permute(0, 3, 1, 2).masked_fill(nowhere, 0.0)


class T5Backbone(EncoderDecoder):
    """A frozen T5 with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from transformers.models.t5.modeling_t5 import T5LayerNorm

        stacks = [T5Stack(stack, getattr(model, stack), model.config) for stack in ("encoder", "decoder")]
        super().__init__(model, tokenizer, "t5", [], stacks)
        self.norm = T5LayerNorm
        self._head = Projection(model.lm_head)

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.shared.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose heads and feed-forwards are narrower by as much; the heads are as many. The first has a table of
        relative biases for all."""
        config = self.config
        fields = {
            "d_model": width,
            "d_kv": share_of(config.d_kv, width, self.width),
            "d_ff": share_of(config.d_ff, width, self.width),
            "num_layers": layers,
            "num_decoder_layers": layers,
        }
        module = without(getattr(narrow_model(self.model, fields), name), "embed_tokens")
        return NarrowStack(T5Stack(name, module, config), _started(fields["d_kv"], config.initializer_factor))

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """The output layer; a tied one reads states divided by sqrt(width)."""
        if getattr(self.config, "scale_decoder_outputs", self.config.tie_word_embeddings):
            hidden = hidden * self.width**-0.5
        return intercept.linear("head", self._head, hidden)

    def _sites(self) -> Iterator[Site]:
        yield from word_sites(self.config.vocab_size, self.width, "shared", "lm_head")
        for stack in ("encoder", "decoder"):
            buckets, heads = self.config.relative_attention_num_buckets, self.config.num_heads
            table = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias"
            yield Site(stack, None, None, "position-biases", _BIASES, buckets, heads, table)
            for number, block in enumerate(getattr(self.model, stack).block):
                yield from self._block_sites(stack, number, f"{stack}.block.{number}", len(block.layer))
            yield norm_site(stack, None, None, "final-norm", self.width, f"{stack}.final_layer_norm")

    def _block_sites(self, stack: str, number: int, root: str, layers: int) -> Iterator[Site]:
        blocks = {"self-attention": "SelfAttention", "cross-attention": "EncDecAttention"}
        for index, (block, own) in enumerate(list(blocks.items())[: layers - 1]):
            at = f"{root}.layer.{index}"
            yield norm_site(stack, number, block, "norm", self.width, f"{at}.layer_norm")
            yield from attention_sites(
                stack, number, block, self.width, f"{at}.{own}", _NAMES, self.config.num_heads,
                head_width=self.config.d_kv,
            )  # fmt: skip
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


def _started(head: int, factor: float) -> Callable[[str, Tensor], Initial]:
    """Matrices as transformers starts them: Gaussian with `factor / sqrt(width read)`, and for queries divided by the
    square root of the head's width too, since scores are not scaled."""

    def initial(name: str, value: Tensor) -> Initial:
        if value.dim() == 1:
            return ones
        read = value.shape[1] * (head if name.endswith("Attention.q.weight") else 1)
        return normal(factor * read**-0.5)

    return initial


def _added(mask: Tensor | None) -> Any:
    """A mask as numbers added to the scores."""
    return None if mask is None else torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, _MASKED)


def build(options: T5Options) -> T5Backbone:
    """The backbone of a recipe; random weights without a tokenizer read bytes (ByT5)."""
    from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

    model, origin, _ = loading.load_model(options, T5ForConditionalGeneration, T5Config)
    backbone = T5Backbone(model, loading.load_tokenizer(options, ByT5Tokenizer))
    backbone.origin = origin
    return backbone
