"""BERT: post-norm encoder with learned positions (Devlin et al. 2019).

It predicts no targets; heads read the state of the first token, CLS. A visual prompt comes in front of the text and
has no positions, as in Dynamic Visual Prompting.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from multigraft import Interceptor, MultigraftError, OptionError, Site, Vocabulary
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.bert_decoder import BertDecoder
from multigraft.plugins.backbones.bert_layers import BertStack, embedding_sites, layer_sites, narrow_bert, special_ids
from multigraft.plugins.backbones.options import BertOptions
from multigraft.plugins.backbones.text import TextCodec
from multigraft.plugins.backbones.transformers_backbone import TransformersBackbone
from multigraft.stacks import (
    Arranged,
    Entrance,
    Longest,
    NarrowStack,
    Projection,
    StackInput,
)

_SPARE = loading.Spare(
    lacking=("cls.",),
    unneeded=("bert.pooler.", "pooler.", "cls.seq_relationship.", "bert.embeddings.position_ids"),
)


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
        text = loading.deferred(lambda: TextCodec(tokenizer, *special_ids(tokenizer)))
        super().__init__(model, "bert", [BertStack(model.bert, model.config)], text)
        self.has_head = has_head
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
        return narrow_bert(self.model, BertStack, width, layers)

    def output(self, hidden: Tensor, intercept: Interceptor) -> Tensor:
        """Logits of the masked language model.

        Raises:
            MultigraftError: the weights have no such head.
        """
        if not self.has_head:
            raise MultigraftError("the weights of this BERT have no masked-language-model head (`cls.predictions`)")
        return intercept.linear("head", self._head, self.model.cls.predictions.transform(hidden))

    def _sites(self) -> Iterator[Site]:
        yield from embedding_sites("encoder", self.config)
        for number in range(self.config.num_hidden_layers):
            yield from layer_sites("encoder", number, f"bert.encoder.layer.{number}", self.config)


def build(options: BertOptions) -> TransformersBackbone:
    """The backbone of a recipe; random weights without a tokenizer have that of `sapling`."""
    from multigraft.plugins.backbones.sapling_tokenizer import sapling_tokenizer

    model, origin, lacking = _load(options)
    words, place = model.config.vocab_size, "tokenizer" if options.tokenizer else "architecture"
    tokenizer = loading.load_tokenizer(options, sapling_tokenizer, lambda made: _check_tokenizer(made, words, place))
    backbone = _backbone(model, tokenizer, options, has_head=not lacking)
    backbone.origin = origin
    return backbone


def _load(options: BertOptions) -> loading.Loaded:
    """With a masked-language-model head, or with cross-attention and the head of a decoder."""
    from transformers import BertConfig, BertForMaskedLM, BertLMHeadModel

    _check_fields(options)
    if options.form == "encoder":
        loaded = loading.load_model(options, BertForMaskedLM, BertConfig, _SPARE)
    else:
        fields = {"is_decoder": True, "add_cross_attention": True}
        decoding = options.model_copy(update={"architecture": {**options.architecture, **fields}})
        loaded = loading.load_model(decoding, BertLMHeadModel, BertConfig, loading.Spare(unneeded=_SPARE.unneeded))
    _check_config(loaded.model.config, options)
    return loaded


def _backbone(model: Any, tokenizer: Any, options: BertOptions, has_head: bool) -> TransformersBackbone:
    if options.form == "encoder":
        return BertBackbone(model, tokenizer, has_head)
    return BertDecoder(model, tokenizer)


def _check_fields(options: BertOptions) -> None:
    """The form says what the config would say."""
    for name in ("is_decoder", "add_cross_attention"):
        if name in options.architecture:
            hint = "leave it out, and say `form: decoder` for one that does"
            raise OptionError(("architecture", name), "`form` says whether this BERT decodes", hint)


def _check_tokenizer(tokenizer: Any, words: int, place: str) -> None:
    """Refuse one that has more ids than the model has words, or no special ones."""
    special_ids(tokenizer)
    if len(tokenizer) > words:
        raise OptionError((place,), f"the tokenizer has {len(tokenizer)} ids, and the model has words for {words}")


def _check_config(config: Any, options: BertOptions) -> None:
    """Refuse what transformers would run in another way."""
    if config.is_decoder and options.form == "encoder":
        raise OptionError(("weights",), "they are those of a decoder", "say `form: decoder`")
    kind = getattr(config, "position_embedding_type", "absolute")
    if kind != "absolute":
        raise OptionError(("architecture", "position_embedding_type"), f"positions are absolute, and not {kind!r}")
