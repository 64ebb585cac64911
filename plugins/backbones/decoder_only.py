"""What decoder-only models have in common: one stack reads the text and, right behind it, the target."""

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.decoder_texts import TextForm
from multigraft.plugins.backbones.one_sequence import one_sequence
from multigraft.plugins.backbones.text import TextCodec
from multigraft.plugins.backbones.transformers_backbone import TransformersBackbone
from multigraft.stacks import Arranged, Entrance, Longest, Stack, Tokens, joined


class CausalStack(Stack):
    """The layers of a decoder-only model, in whose sequence inserted tokens take places."""

    name = "decoder"
    reads = "text+target"

    def join(self, tokens: Tokens, inserted: Tokens, front: bool, as_text: bool) -> Tokens:
        """Inserted tokens take places: in front from 0 on, and the row's own stand behind them; else behind these."""
        own, real = placed(tokens), inserted.real
        places = (real.cumsum(1) - 1).clamp(min=0)
        if front:
            tokens = replace(tokens, positions=own + real.sum(1, keepdim=True))
        else:
            places = places + own.masked_fill(~tokens.real, -1).amax(1, keepdim=True) + 1
        return joined(tokens, replace(inserted, positions=places), front)


class DecoderOnly(TransformersBackbone):
    """A frozen decoder-only model with its tokenizer; a family adds its stack, its output and its sites.

    Args:
        most: tokens that a row may have in all.
        form: what stands around texts and targets.
    """

    predicts = "decoder"
    entrance = Entrance("decoder", "front")

    def __init__(self, model: Any, tokenizer: Any, stack: Stack, most: int, form: TextForm) -> None:
        config = model.config
        text, target = (loading.deferred(partial(_codec, form, config, tokenizer, of)) for of in ("text", "target"))
        super().__init__(model, config.model_type, [stack], text, target)
        self.width, self.longest = config.hidden_size, Longest(most, most, most)

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """A row's real text tokens and, right behind them, its targets without their last token."""
        return one_sequence("decoder", self.pad, text_ids, text_mask, target_ids)


def _codec(form: TextForm, config: Any, tokenizer: Any, of: str) -> TextCodec:
    texts = form(config, tokenizer)
    return texts.text if of == "text" else texts.target


def placed(tokens: Tokens) -> Tensor:
    """`(rows or 1, tokens)`, the tokens' places."""
    if tokens.positions is None:
        raise ValueError("a decoder-only model needs the positions of its tokens")
    return tokens.positions
