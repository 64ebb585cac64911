"""`mean-token`: one prompt token for each medium, a linear map of the mean of its tokens."""

from torch import nn

from multigraft import Initial, MediaTokens, PromptGenerator, PromptShape
from multigraft.init import normal, zeros
from multigraft.stacks import Tokens
from multigraft_sample.options import MeanTokenOptions


class MeanToken(PromptGenerator):
    """Its two parameters become parts of the graft, with owners."""

    def __init__(self, shape: PromptShape) -> None:
        super().__init__()
        self.project = nn.Linear(shape.feature_width, shape.width)

    def forward(self, media: MediaTokens, text: None) -> Tokens:
        """`(rows, items, width)`, and which items there are."""
        real = media.real[..., None].to(media.tokens.dtype)
        means = (media.tokens * real).sum(2) / real.sum(2).clamp(min=1)
        return Tokens(self.project(means), media.mask)

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), and a bias of zero."""
        return zeros if parameter.endswith("bias") else normal(0.02)


def build(options: MeanTokenOptions, shape: PromptShape) -> MeanToken:
    """The prompt generator of a recipe."""
    return MeanToken(shape)
