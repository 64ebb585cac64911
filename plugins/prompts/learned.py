"""`learned`: prompt tuning, tokens that are trained themselves (Lester et al. 2021), or made of a trained table by two
linear layers (Li and Liang 2021, section 4.3; VL-Adapter's prompts)."""

from torch import nn

from multigraft import Initial, MediaTokens, PromptGenerator, PromptShape
from multigraft.init import normal, zeros
from multigraft.plugins.prompts.options import LearnedOptions
from multigraft.stacks import Tokens


class LearnedPrompt(PromptGenerator):
    """The same tokens for every row of an owner."""

    needs = frozenset()

    def __init__(self, options: LearnedOptions, width: int) -> None:
        super().__init__()
        self.options = options
        self.table = nn.Embedding(options.tokens, width)
        if options.hidden:
            self.project = nn.Sequential(nn.Linear(width, options.hidden), nn.Tanh(), nn.Linear(options.hidden, width))

    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """`(1, tokens, width)`."""
        states = self.table.weight[None]
        return Tokens(self.project(states) if self.options.hidden else states)

    def most_tokens(self) -> int:
        """As the recipe says."""
        return self.options.tokens

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), biases zero."""
        return zeros if parameter.endswith("bias") else normal(0.02)


def build(options: LearnedOptions, shape: PromptShape) -> LearnedPrompt:
    """The prompt generator of a recipe."""
    return LearnedPrompt(options, shape.width)
