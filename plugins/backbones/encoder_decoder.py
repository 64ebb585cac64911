"""What BART, T5 and their like have in common: texts, shifted targets, and two stacks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from multigraft import IGNORED, Backbone, Site
from multigraft.plugins.backbones import loading
from multigraft.plugins.backbones.text import TextCodec
from multigraft.stacks import Arranged, Entrance, Stack, StackInput


class EncoderDecoder(Backbone):
    """A frozen encoder-decoder with its tokenizer; a family adds its stacks and its sites."""

    model: Any
    """The transformers model; type checkers do not know its modules."""
    predicts = "decoder"
    entrance = Entrance("encoder", "back")

    def __init__(self, model: Any, tokenizer: Any, name: str, begin: Sequence[int], stacks: Sequence[Stack]) -> None:
        super().__init__()
        config = model.config
        self.model, self.name, self.config = model, name, config
        self._stacks = nn.ModuleDict({stack.name: stack for stack in stacks})
        self.width, self.end, self.pad = config.d_model, config.eos_token_id, config.pad_token_id
        self.text = TextCodec(tokenizer, begin, config.eos_token_id, config.pad_token_id)
        start = getattr(config, "decoder_start_token_id", None)
        self.first = config.pad_token_id if start is None else start
        loading.freeze(self)

    @property
    def stacks(self) -> Mapping[str, Stack]:
        """`encoder` reads the text, `decoder` the targets."""
        return dict(self._stacks.items())  # type: ignore[arg-type]

    def tokenize(self, texts: Sequence[str], limit: int | None = None) -> tuple[Tensor, Tensor]:
        """Ids and mask `(texts, tokens)`, with the family's special tokens."""
        return self.text.inputs(texts, limit)

    def tokenize_targets(self, texts: Sequence[str], limit: int | None = None) -> Tensor:
        """Ids `(texts, tokens)`, with the same special tokens as inputs."""
        return self.text.encode(texts, limit, IGNORED)

    def detokenize(self, ids: Tensor) -> list[str]:
        """Texts without special tokens."""
        return self.text.decode(ids)

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

    def fingerprint(self) -> str:
        """Name and hash of the weights."""
        return loading.fingerprint(self.name, self.model)

    def sites(self) -> tuple[Site, ...]:
        """Blocks, projections, attentions and norms of both stacks."""
        return tuple(self._sites())

    def _sites(self) -> Iterator[Site]:
        raise NotImplementedError
