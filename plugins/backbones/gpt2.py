"""GPT-2: pre-norm decoder with learned positions (Radford et al. 2019).

A row of the table of positions is added to each token where it enters the first layer, and to inserted tokens that are
there by then. Those that join before a layer have none, and leave the others with the rows that they have.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import dropout, embedding

from multigraft import Interceptor, MultigraftError, OptionError, Site
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.decoder_only import CausalStack, DecoderOnly, placed
from multigraft.plugins.backbones.decoder_texts import TextForm, plain
from multigraft.plugins.backbones.narrow import even_heads, narrow_model, share_of, start_of, without
from multigraft.plugins.backbones.sites import attention_sites, block_site, linear_site, norm_site, word_sites
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

_FUSED = ("query", "key", "value")
"""The maps whose weights stand side by side in one module."""
_NAMES = {**dict.fromkeys(_FUSED, "c_attn"), "output": "c_proj"}


class Gpt2Layer(Layer):
    """Self-attention and feed-forward; a norm before each."""

    def __init__(self, block: Any, at: str, config: Any) -> None:
        super().__init__()
        self.block, self.config, self.at = block, config, at
        maps = {
            name: Projection(block.attn.c_attn, slice(*_rows(number, config.hidden_size)), transposed=True)
            for number, name in enumerate(_FUSED)
        }
        maps["output"] = Projection(block.attn.c_proj, transposed=True)
        self._attention = Attention(
            f"{at}.self-attention", maps, config.num_attention_heads, scale=block.attn.scaling,
            dropout=config.attn_pdrop,
        )  # fmt: skip
        self._up, self._down = (Projection(each, transposed=True) for each in (block.mlp.c_fc, block.mlp.c_proj))

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same."""
        normed = intercept.norm(f"{self.at}.self-attention.norm", self.block.ln_1, x)
        pair, cache = grown(cache, self._attention.key_values(normed, intercept))
        output = self._attention.mix(self._attention.query(normed, intercept), pair, shared.mask, intercept)
        x = self._join("self-attention", x, normed, output, intercept)
        return self._feed_forward(x, intercept), cache

    def _feed_forward(self, x: Tensor, intercept: Interceptor) -> Tensor:
        site = f"{self.at}.feed-forward"
        normed = intercept.norm(f"{site}.norm", self.block.ln_2, x)
        inner = self.block.mlp.act(intercept.linear(f"{site}.up", self._up, normed))
        return self._join("feed-forward", x, normed, intercept.linear(f"{site}.down", self._down, inner), intercept)

    def _join(self, block: str, x: Tensor, normed: Tensor, output: Tensor, intercept: Interceptor) -> Tensor:
        output = intercept.block(f"{self.at}.{block}", normed, output, x)
        return x + dropout(output, self.config.resid_pdrop, intercept.training)


class Gpt2Stack(CausalStack):
    """GPT-2's layers."""

    def __init__(self, module: Any, config: Any) -> None:
        super().__init__()
        self.module, self.config, self.most = module, config, config.max_position_embeddings
        self.layers = nn.ModuleList(
            Gpt2Layer(block, f"decoder.{number}", config) for number, block in enumerate(module.h)
        )

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Words; their places are added where all tokens are there."""
        return intercept.embedding("words", self.module.wte, ids)

    def enter(self, tokens: Tokens, intercept: Interceptor) -> Tensor:
        """The rows of the tokens' places are added; padding behind the last place has some row."""
        rows = embedding(placed(tokens).clamp(max=self.most - 1), self.module.wpe.weight)
        return dropout(tokens.states + rows, self.config.embd_pdrop, intercept.training)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The causal mask.

        Raises:
            MultigraftError: a row has more tokens than there are places.
        """
        if tokens.states.shape[1] + (past.tokens if past else 0) > self.most:
            self._refuse_long(tokens, past)
        return LayerInputs(self_attention_mask(tokens, past, causal=True))

    def _refuse_long(self, tokens: Tokens, past: Seen | None) -> None:
        count = tokens.real.sum(1)
        if past is not None:
            count = count + (past.tokens if past.mask is None else past.mask.sum(1))
        if (longest := int(count.max())) > self.most:
            raise MultigraftError(f"{longest} tokens in a row, and the backbone has positions for {self.most}")

    def finish(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """The last norm."""
        return intercept.norm("decoder.final-norm", self.module.ln_f, x)


class Gpt2Backbone(DecoderOnly):
    """A frozen GPT-2 with its tokenizer."""

    norm = nn.LayerNorm

    def __init__(self, model: Any, tokenizer: Any, form: TextForm = plain) -> None:
        config = model.config
        if config.add_cross_attention:
            message = "`decoder` has one stack, and nothing that a cross-attention could read"
            raise OptionError(("architecture", "add_cross_attention"), message, "leave it out")
        stack = Gpt2Stack(model.transformer, config)
        super().__init__(model, tokenizer, stack, stack.most, form)
        self.inner = config.n_inner or 4 * config.hidden_size
        self._head = Projection(model.lm_head)

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.transformer.wte.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose feed-forwards are narrower by as much; the heads are as many.

        Raises:
            MultigraftError: they cannot share the width.
        """
        fields = {
            "hidden_size": even_heads(width, self.config.num_attention_heads),
            "n_inner": share_of(self.inner, width, self.width),
            "num_hidden_layers": layers,
        }
        narrow = narrow_model(self.model, fields)
        module = without(narrow.transformer, "wte", "wpe")
        return NarrowStack(Gpt2Stack(module, narrow.config), start_of(self.config.initializer_range))

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """The output layer."""
        return intercept.linear("head", self._head, hidden)

    def _sites(self) -> Iterator[Site]:
        yield from word_sites(self.word_table().shape[0], self.width, "transformer.wte", "lm_head")
        for number in range(self.config.num_hidden_layers):
            yield from self._layer_sites(number, f"transformer.h.{number}")
        yield norm_site("decoder", None, None, "final-norm", self.width, "transformer.ln_f")

    def _layer_sites(self, number: int, at: str) -> Iterator[Site]:
        width, heads = self.width, self.config.num_attention_heads
        yield norm_site("decoder", number, "self-attention", "norm", width, f"{at}.ln_1")
        for site in attention_sites("decoder", number, "self-attention", width, f"{at}.attn", _NAMES, heads):
            yield replace(site, rows=_rows(_FUSED.index(site.inner), width)) if site.inner in _FUSED else site
        yield norm_site("decoder", number, "feed-forward", "norm", width, f"{at}.ln_2")
        yield block_site("decoder", number, "feed-forward", width, f"{at}.mlp")
        yield linear_site("decoder", number, "feed-forward", "up", width, self.inner, f"{at}.mlp.c_fc")
        yield linear_site("decoder", number, "feed-forward", "down", self.inner, width, f"{at}.mlp.c_proj")


def _rows(number: int, width: int) -> tuple[int, int]:
    """Of a fused weight `(3 * width, width)`, those of a map."""
    return number * width, (number + 1) * width
