"""What decoder-only models have in common: one stack reads the text and, right behind it, the target."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from multigraft import IGNORED, Backbone, OptionError, did_you_mean
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.decoder_texts import FORMS, TextForm
from multigraft.plugins.backbones.text import TextCodec
from multigraft.plugins.backbones.transformers_backbone import TransformersBackbone
from multigraft.stacks import Arranged, Entrance, Longest, Stack, StackInput, Tokens, joined


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
    forms: ClassVar[Mapping[str, TextForm]] = FORMS
    """What a task may put around its texts by name; a family with tokens of its own has none."""

    def __init__(self, model: Any, tokenizer: Any, stack: Stack, most: int, form: TextForm) -> None:
        config = model.config
        text, target = (loading.deferred(partial(_codec, form, config, tokenizer, of)) for of in ("text", "target"))
        super().__init__(model, config.model_type, [stack], text, target)
        self._tokenizer = tokenizer
        self.width, self.longest = config.hidden_size, Longest(most, most, most)

    def with_texts(self, form: str) -> Backbone:
        """With texts of one of `forms`."""
        if not self.forms:
            return super().with_texts(form)
        if form not in self.forms:
            raise OptionError(("texts",), f"no form of texts named {form!r}", did_you_mean(form, self.forms))
        other = copy(self)
        other.text, other.target = self.forms[form](self.config, self._tokenizer)
        vars(other).pop("end", None)
        return other

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """A row's real text tokens and, right behind them, its targets without their last token."""
        ids, real, last = text_ids, text_mask, text_mask.sum(1, keepdim=True) - 1
        places = last
        if target_ids is not None:
            ids = torch.cat([text_ids, target_ids[:, :-1]], 1)
            real = torch.cat([text_mask, target_ids[:, 1:] != IGNORED], 1)
            places = last + torch.arange(target_ids.shape[1], device=last.device)
        order = (~real).to(torch.uint8).argsort(dim=1, stable=True)
        ids, real = ids.gather(1, order), real.gather(1, order)
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        return Arranged({"decoder": StackInput(ids.masked_fill(~real, self.pad), real, positions)}, places)


def _codec(form: TextForm, config: Any, tokenizer: Any, of: str) -> TextCodec:
    texts = form(config, tokenizer)
    return texts.text if of == "text" else texts.target


def placed(tokens: Tokens) -> Tensor:
    """`(rows or 1, tokens)`, the tokens' places."""
    if tokens.positions is None:
        raise ValueError("a decoder-only model needs the positions of its tokens")
    return tokens.positions
