"""The layers of BERT, their sites and its special tokens, which it has as an encoder and as a decoder."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn.functional import dropout, embedding

from multigraft import Interceptor, OptionError, Site
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.narrow import even_heads, narrow_model, share_of, start_of, without
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
    self_attention_mask,
)

NAMES = {"query": "self.query", "key": "self.key", "value": "self.value", "output": "output.dense"}


class BertLayer(Layer):
    """Self-attention and feed-forward; a norm behind each."""

    def __init__(self, block: Any, at: str, config: Any) -> None:
        super().__init__()
        self.block, self.config, self.at = block, config, at
        self._own = Attention(
            f"{at}.self-attention", projections(block.attention, NAMES), config.num_attention_heads,
            dropout=config.attention_probs_dropout_prob,
        )  # fmt: skip
        self._up, self._down = Projection(block.intermediate.dense), Projection(block.output.dense)

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(rows, tokens, width)` to the same."""
        pair, cache = grown(cache, self._own.key_values(x, intercept))
        output = self._own.mix(self._own.query(x, intercept), pair, shared.mask, intercept)
        x = self._join("self-attention", x, output, self.block.attention.output.LayerNorm, intercept)
        return self._feed_forward(x, intercept), cache

    def _feed_forward(self, x: Tensor, intercept: Interceptor) -> Tensor:
        site = f"{self.at}.feed-forward"
        inner = self.block.intermediate.intermediate_act_fn(intercept.linear(f"{site}.up", self._up, x))
        output = intercept.linear(f"{site}.down", self._down, inner)
        return self._join("feed-forward", x, output, self.block.output.LayerNorm, intercept)

    def _join(self, block: str, x: Tensor, output: Tensor, norm: nn.Module, intercept: Interceptor) -> Tensor:
        site = f"{self.at}.{block}"
        output = dropout(intercept.block(site, x, output), self.config.hidden_dropout_prob, intercept.training)
        return intercept.norm(f"{site}.norm", norm, x + output)


class BertStack(Stack):
    """BERT's encoder."""

    name = "encoder"
    reads: Literal["text", "text+target"] = "text"
    layer_kind: ClassVar[type[BertLayer]] = BertLayer

    def __init__(self, module: Any, config: Any) -> None:
        super().__init__()
        self.module, self.config = module, config
        self.layers = nn.ModuleList(
            self.layer_kind(block, f"{self.name}.{number}", config) for number, block in enumerate(module.encoder.layer)
        )

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Words, token type 0 and positions, normed."""
        own = self.module.embeddings
        words = intercept.embedding("words", own.word_embeddings, ids)
        return self.as_words(words + embedding(positions, own.position_embeddings.weight), intercept)

    def as_words(self, states: Tensor, intercept: Interceptor) -> Tensor:
        """Token type 0 and the embedding norm; a learned prompt has them, and no positions."""
        own = self.module.embeddings
        x = states + own.token_type_embeddings.weight[0]
        x = intercept.norm(f"{self.name}.embedding-norm", own.LayerNorm, x)
        return dropout(x, self.config.hidden_dropout_prob, intercept.training)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The mask; every token reads all."""
        return LayerInputs(self_attention_mask(tokens, past, causal=False))


def narrow_bert(model: Any, kind: type[BertStack], width: int, layers: int, **fields: int) -> NarrowStack:
    """Layers whose feed-forwards are narrower by as much; the heads are as many.

    Args:
        fields: others of the config.

    Raises:
        MultigraftError: the heads cannot share the width.
    """
    config = model.config
    fields |= {
        "hidden_size": even_heads(width, config.num_attention_heads),
        "intermediate_size": share_of(config.intermediate_size, width, config.hidden_size),
        "num_hidden_layers": layers,
    }
    module = without(narrow_model(model, fields).bert, "embeddings")
    return NarrowStack(kind(module, config), start_of(config.initializer_range))


def embedding_sites(stack: str, config: Any) -> Iterator[Site]:
    """Words, head and the norm of the embedding."""
    words, norm = "bert.embeddings.word_embeddings", "bert.embeddings.LayerNorm"
    yield from word_sites(config.vocab_size, config.hidden_size, words, "cls.predictions.decoder")
    yield norm_site(stack, None, None, "embedding-norm", config.hidden_size, norm)


def layer_sites(stack: str, number: int, at: str, config: Any) -> Iterator[Site]:
    """Self-attention and feed-forward of a layer, and their norms."""
    width, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    yield from attention_sites(stack, number, "self-attention", width, f"{at}.attention", NAMES, heads)
    yield norm_site(stack, number, "self-attention", "norm", width, f"{at}.attention.output.LayerNorm")
    yield block_site(stack, number, "feed-forward", width, at)
    yield linear_site(stack, number, "feed-forward", "up", width, inner, f"{at}.intermediate.dense")
    yield linear_site(stack, number, "feed-forward", "down", inner, width, f"{at}.output.dense")
    yield norm_site(stack, number, "feed-forward", "norm", width, f"{at}.output.LayerNorm")


def special_ids(tokenizer: Any) -> tuple[list[int], list[int], int]:
    """The ids before and behind every text and the one that fills up; a tokenizer without CLS and SEP has others.

    Raises:
        OptionError: the tokenizer has none.
    """
    names = (("cls_token", "bos_token"), ("sep_token", "eos_token"), ("pad_token",))
    found = [
        next((own for name in some if (own := getattr(tokenizer, f"{name}_id", None)) is not None), None)
        for some in names
    ]
    for some, own in zip(names, found, strict=True):
        if own is None:
            raise OptionError(("tokenizer",), f"the tokenizer has no {' and no '.join(some)}")
    begin, end, pad = found
    return [begin], [end], pad  # type: ignore[list-item, return-value]
