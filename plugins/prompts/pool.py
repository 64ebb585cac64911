"""`pool`: the tokens of all media of a sample as one row, pooled to a fixed number: `Norm(Linear(token)) + place`."""

import torch
from torch import nn

from multigraft import Initial, MediaTokens, PromptGenerator, PromptShape
from multigraft.init import normal, ones, zeros
from multigraft.plugins.prompts.cross_attention import in_a_row
from multigraft.plugins.prompts.masked_pooling import pool_masked
from multigraft.plugins.prompts.options import PoolOptions
from multigraft.stacks import Tokens


class PoolPrompt(PromptGenerator):
    """At most so many tokens a sample, however many pictures, frames or clips it has."""

    def __init__(self, options: PoolOptions, shape: PromptShape) -> None:
        super().__init__()
        self.options = options
        self.feature, self.norm = nn.Linear(shape.feature_width, shape.width), shape.norm(shape.width)
        self.places = nn.Embedding(options.tokens, shape.width)

    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """`(rows, tokens or fewer, width)`."""
        assert media is not None
        row = _real_first(in_a_row(media.tokens, media))
        pooled, mask = pool_masked(row.states[:, None], row.real[:, None], self.options.tokens, self.options.pool)
        x = self.norm(self.feature(pooled[:, 0]))
        return Tokens(x + self.places.weight[: x.shape[1]], mask[:, 0])

    def most_tokens(self) -> int:
        """As the recipe says."""
        return self.options.tokens

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), biases zero, gains of norms one."""
        if parameter.endswith("bias"):
            return zeros
        return ones if parameter.startswith("norm") else normal(0.02)


def _real_first(tokens: Tokens) -> Tokens:
    """With the real tokens of each row in front, in their order."""
    order = torch.argsort(tokens.real.logical_not().byte(), dim=1, stable=True)
    return Tokens(tokens.states.gather(1, order[..., None].expand_as(tokens.states)), tokens.real.gather(1, order))


def build(options: PoolOptions, shape: PromptShape) -> PoolPrompt:
    """The prompt generator of a recipe."""
    return PoolPrompt(options, shape)
