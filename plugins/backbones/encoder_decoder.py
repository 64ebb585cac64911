"""What BART, T5 and their like have in common: texts, shifted targets, and two stacks."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from multigraft import IGNORED
from multigraft.plugins.backbones.text import TextCodec
from multigraft.plugins.backbones.transformers_backbone import TransformersBackbone
from multigraft.stacks import Arranged, Entrance, Stack, StackInput


class EncoderDecoder(TransformersBackbone):
    """A frozen encoder-decoder with its tokenizer; a family adds its stacks and its sites."""

    predicts = "decoder"
    entrance = Entrance("encoder", "back")

    def __init__(self, model: Any, tokenizer: Any, name: str, begin: Sequence[int], stacks: Sequence[Stack]) -> None:
        config = model.config
        text = TextCodec(tokenizer, begin, [config.eos_token_id], config.pad_token_id)
        super().__init__(model, name, stacks, text)
        self.width = config.d_model
        start = getattr(config, "decoder_start_token_id", None)
        self.first = config.pad_token_id if start is None else start

    def arrange(self, text_ids: Tensor, text_mask: Tensor, target_ids: Tensor | None) -> Arranged:
        """The decoder reads its start token and, behind it, the targets without their last token."""
        tokens = 1 if target_ids is None else target_ids.shape[1]
        shifted = text_ids.new_full((text_ids.shape[0], tokens), self.first)
        if target_ids is not None:
            shifted[:, 1:] = target_ids[:, :-1].masked_fill(target_ids[:, :-1] == IGNORED, self.pad)
        positions = torch.arange(max(tokens, text_ids.shape[1]), device=text_ids.device)[None]
        return Arranged(
            {
                "encoder": StackInput(text_ids, text_mask, positions[:, : text_ids.shape[1]]),
                "decoder": StackInput(shifted, None, positions[:, :tokens]),
            },
            places=positions[:, :tokens],
        )
