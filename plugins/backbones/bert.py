"""BERT: post-norm encoder with learned positions (Devlin et al. 2019).

It predicts no targets; heads read the state of the first token, CLS. A visual prompt comes in front of the text and
has no positions, as in Dynamic Visual Prompting.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding

from multigraft import Interceptor, MultigraftError, OptionError, Site, Vocabulary
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.attention import Attention, grown
from multigraft.plugins.backbones.narrow import even_heads, narrow_model, share_of, start_of, without
from multigraft.plugins.backbones.options import BertOptions
from multigraft.plugins.backbones.sites import (
    attention_sites,
    block_site,
    linear_site,
    norm_site,
    projections,
    word_sites,
)
from multigraft.plugins.backbones.text import TextCodec
from multigraft.plugins.backbones.transformers_backbone import TransformersBackbone
from multigraft.stacks import (
    Arranged,
    Entrance,
    Layer,
    LayerCache,
    LayerInputs,
    Longest,
    NarrowStack,
    Projection,
    Seen,
    Stack,
    StackInput,
    Tokens,
    self_attention_mask,
)

_NAMES = {"query": "self.query", "key": "self.key", "value": "self.value", "output": "output.dense"}
_SPARE = loading.Spare(
    lacking=("cls.",),
    unneeded=("bert.pooler.", "pooler.", "cls.seq_relationship.", "bert.embeddings.position_ids"),
)


class BertLayer(Layer):
    """Self-attention and feed-forward; a norm behind each."""

    def __init__(self, block: Any, at: str, config: Any) -> None:
        super().__init__()
        self.block, self.config, self.at = block, config, at
        self._own = Attention(
            f"{at}.self-attention", projections(block.attention, _NAMES), config.num_attention_heads,
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
    reads = "text"

    def __init__(self, module: Any, config: Any) -> None:
        super().__init__()
        self.module, self.config = module, config
        self.layers = nn.ModuleList(
            BertLayer(block, f"encoder.{number}", config) for number, block in enumerate(module.encoder.layer)
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
        x = intercept.norm("encoder.embedding-norm", own.LayerNorm, x)
        return dropout(x, self.config.hidden_dropout_prob, intercept.training)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The mask; every token reads all."""
        return LayerInputs(self_attention_mask(tokens, past, causal=False))


class BertBackbone(TransformersBackbone):
    """A frozen BERT with its tokenizer.

    Args:
        has_head: whether the masked-language-model head has weights.
    """

    predicts = None
    summary = "first"
    entrance = Entrance("encoder", "front")
    norm = nn.LayerNorm

    def __init__(self, model: Any, tokenizer: Any, has_head: bool = True) -> None:
        begin, end, pad = special_ids(tokenizer)
        super().__init__(model, "bert", [BertStack(model.bert, model.config)], TextCodec(tokenizer, begin, end, pad))
        self.end, self.pad, self.has_head = end, pad, has_head
        self.width, self.longest = self.config.hidden_size, Longest(input=self.config.max_position_embeddings)
        self._head = Projection(model.cls.predictions.decoder)

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """The encoder reads the text, and nothing reads targets."""
        positions = torch.arange(text_ids.shape[1], device=text_ids.device)[None]
        return Arranged({"encoder": StackInput(text_ids, text_mask, positions)})

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer's ids; CLS and padding are never hidden, SEP may be (as in ALBEF's code)."""
        tokenizer = self.text.tokenizer
        mask = getattr(tokenizer, "mask_token_id", None)
        return Vocabulary(len(tokenizer), mask, frozenset({self.pad, *self.text.begin}))

    def word_table(self) -> Tensor:
        """`(vocabulary, width)`."""
        return self.model.bert.embeddings.word_embeddings.weight  # type: ignore[no-any-return]

    def narrow_stack(self, name: str, width: int, layers: int) -> NarrowStack:
        """Layers whose feed-forwards are narrower by as much; the heads are as many.

        Raises:
            MultigraftError: they cannot share the width.
        """
        config = self.config
        fields = {
            "hidden_size": even_heads(width, config.num_attention_heads),
            "intermediate_size": share_of(config.intermediate_size, width, self.width),
            "num_hidden_layers": layers,
        }
        module = without(narrow_model(self.model, fields).bert, "embeddings")
        return NarrowStack(BertStack(module, config), start_of(config.initializer_range))

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """Logits of the masked language model.

        Raises:
            MultigraftError: the weights have no such head.
        """
        if not self.has_head:
            raise MultigraftError("the weights of this BERT have no masked-language-model head (`cls.predictions`)")
        return intercept.linear("head", self._head, self.model.cls.predictions.transform(hidden))

    def _sites(self) -> Iterator[Site]:
        words, norm = "bert.embeddings.word_embeddings", "bert.embeddings.LayerNorm"
        yield from word_sites(self.config.vocab_size, self.width, words, "cls.predictions.decoder")
        yield norm_site("encoder", None, None, "embedding-norm", self.width, norm)
        for number in range(self.config.num_hidden_layers):
            yield from self._layer_sites(number, f"bert.encoder.layer.{number}")

    def _layer_sites(self, number: int, at: str) -> Iterator[Site]:
        width, inner, heads = self.width, self.config.intermediate_size, self.config.num_attention_heads
        yield from attention_sites("encoder", number, "self-attention", width, f"{at}.attention", _NAMES, heads)
        yield norm_site("encoder", number, "self-attention", "norm", width, f"{at}.attention.output.LayerNorm")
        yield block_site("encoder", number, "feed-forward", width, at)
        yield linear_site("encoder", number, "feed-forward", "up", width, inner, f"{at}.intermediate.dense")
        yield linear_site("encoder", number, "feed-forward", "down", inner, width, f"{at}.output.dense")
        yield norm_site("encoder", number, "feed-forward", "norm", width, f"{at}.output.LayerNorm")


def special_ids(tokenizer: Any) -> tuple[list[int], int, int]:
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
    return [begin], end, pad  # type: ignore[list-item, return-value]


def build(options: BertOptions) -> BertBackbone:
    """The backbone of a recipe; random weights without a tokenizer have that of `sapling`."""
    from transformers import BertConfig, BertForMaskedLM

    from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

    model, origin, lacking = loading.load_model(options, BertForMaskedLM, BertConfig, _SPARE)
    _check_config(model.config)
    tokenizer = loading.load_tokenizer(options, sapling_tokenizer)
    if len(tokenizer) > model.config.vocab_size:
        message = f"the tokenizer has {len(tokenizer)} ids, and the model has words for {model.config.vocab_size}"
        raise OptionError(("tokenizer",) if options.tokenizer else ("architecture",), message)
    backbone = BertBackbone(model, tokenizer, has_head=not lacking)
    backbone.origin = origin
    return backbone


def _check_config(config: Any) -> None:
    """Refuse what transformers would run in another way."""
    if config.is_decoder:
        raise OptionError(("architecture", "is_decoder"), "`bert` reads texts in both directions", "leave it out")
    kind = getattr(config, "position_embedding_type", "absolute")
    if kind != "absolute":
        raise OptionError(("architecture", "position_embedding_type"), f"positions are absolute, and not {kind!r}")
