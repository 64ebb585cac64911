"""`dynamic`: what a text's state reads of the media, as one token in front of the text (Dynamic Visual Prompting, Huang
et al. 2023)."""

import torch
from torch import Tensor, nn

from multigraft import Initial, MediaTokens, PromptGenerator, PromptShape
from multigraft.init import normal, zeros
from multigraft.plugins.prompts.cross_attention import CrossAttention, ItemCodes, in_a_row
from multigraft.plugins.prompts.options import DynamicOptions
from multigraft.stacks import Tokens


class DynamicPrompt(PromptGenerator):
    """Cross-attention with the text's state as its query: one token, or as many as the text has."""

    needs = frozenset({"media", "text"})

    def __init__(self, options: DynamicOptions, shape: PromptShape) -> None:
        super().__init__()
        self.options, self.query = options, options.query or shape.summary
        inner = options.inner or shape.width
        self.attention = CrossAttention(shape.width, shape.feature_width, inner, options.heads, options.dropout)
        self.codes = ItemCodes(options.item_codes, shape.feature_width) if options.item_codes else None
        self.marks = options.modality_codes
        self.modality = nn.Embedding(2, shape.width) if options.modality_codes else None

    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """`(rows, 1, width)`, or `(rows, text tokens, width)` where every token of the text asks."""
        assert media is not None
        assert text is not None
        tokens = media.tokens if self.codes is None else self.codes(media.tokens)
        mask = text.mask if self.query == "text" else None
        prompt = self.attention(asking(self.query, text), in_a_row(tokens, media))
        return Tokens(prompt if self.modality is None else prompt + self.modality.weight[1], mask)

    def mark(self, states: Tensor) -> Tensor:
        """With the text's code of the two of modality, `(rows, tokens, width)`."""
        return states if self.modality is None else states + self.modality.weight[0]

    def most_tokens(self) -> int | None:
        """One; as many as the text has, where each of these asks."""
        return None if self.query == "text" else 1

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), biases zero."""
        return zeros if parameter.endswith("bias") else normal(0.02)


def asking(query: str, text: Tokens) -> Tensor:
    """The states of a text that ask, `(rows, queries, width)`."""
    states = text.states
    if query == "text":
        return states
    if query == "first":
        return states[:, :1]
    if query == "padded-mean":
        return states.mean(1, keepdim=True)
    real = text.real
    if query == "mean":
        kept = real[..., None].to(states.dtype)
        return (states * kept).sum(1, keepdim=True) / kept.sum(1, keepdim=True).clamp(min=1)
    last = torch.where(real, torch.arange(real.shape[1], device=real.device), 0).amax(1)
    return states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2]))


def build(options: DynamicOptions, shape: PromptShape) -> DynamicPrompt:
    """The prompt generator of a recipe."""
    return DynamicPrompt(options, shape)
