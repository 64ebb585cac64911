"""`resampler`: trained queries that read the media in several layers (Perceiver Resampler: Alayrac et al. 2022, section
3.1.1), and the text beside them where that is wanted (as a Q-Former does: Li et al. 2023)."""

from torch import Tensor, nn
from torch.nn.functional import gelu

from multigraft import Initial, MediaTokens, PromptGenerator, PromptShape
from multigraft.init import normal, ones, zeros
from multigraft.plugins.prompts.cross_attention import CrossAttention, ItemCodes, beside, in_a_row
from multigraft.plugins.prompts.options import ResamplerOptions
from multigraft.stacks import Tokens


class ResamplerPrompt(PromptGenerator):
    """A fixed number of tokens, whatever the media; each layer reads the media, the text if wanted, and the queries
    themselves: `x <- x + Attention(Norm(x), [media, text, Norm(x)])`, then `x <- x + FeedForward(Norm(x))`."""

    def __init__(self, options: ResamplerOptions, shape: PromptShape) -> None:
        super().__init__()
        self.options, width = options, shape.width
        self.needs = frozenset({"media", "text"} if options.text else {"media"})
        self.queries = nn.Embedding(options.tokens, width)
        self.feature, self.feature_norm = nn.Linear(shape.feature_width, width), shape.norm(width)
        self.text_norm = shape.norm(width) if options.text else None
        self.codes = ItemCodes(options.item_codes, width)
        self.places = nn.Embedding(shape.tokens, width) if options.places else None
        self.layers = nn.ModuleList(_Layer(options, shape) for _ in range(options.depth))
        self.final_norm = shape.norm(width)

    def forward(self, media: MediaTokens | None, text: Tokens | None) -> Tokens:
        """`(rows, tokens, width)`."""
        assert media is not None
        memory = [in_a_row(self.codes(self._placed(self.feature_norm(self.feature(media.tokens)))), media)]
        if text is not None and self.text_norm is not None:
            memory.append(Tokens(self.text_norm(text.states), text.mask))
        x = self.queries.weight.expand(len(media.tokens), -1, -1)
        for layer in self.layers:
            x = layer(x, beside(memory))
        return Tokens(self.final_norm(x))

    def most_tokens(self) -> int:
        """As the recipe says."""
        return self.options.tokens

    def initial(self, parameter: str) -> Initial:
        """N(0, 0.02), biases zero, gains of norms one."""
        if parameter.endswith("bias"):
            return zeros
        return ones if "norm" in parameter else normal(0.02)

    def _placed(self, tokens: Tensor) -> Tensor:
        """With the codes of their places in their item, `(rows, items, tokens, width)`."""
        return tokens if self.places is None else tokens + self.places.weight[: tokens.shape[2]]


class _Layer(nn.Module):
    """Attention and feed-forward, each behind its norm."""

    def __init__(self, options: ResamplerOptions, shape: PromptShape) -> None:
        super().__init__()
        width, inner = shape.width, options.expansion * shape.width
        self.attention_norm, self.feed_forward_norm = shape.norm(width), shape.norm(width)
        self.attention = CrossAttention(width, width, options.inner or width, options.heads, options.dropout)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor, memory: Tokens) -> Tensor:
        """`(rows, queries, width)` to the same."""
        normed = self.attention_norm(x)
        x = x + self.attention(normed, beside([memory, Tokens(normed)]))
        return x + self.down(gelu(self.up(self.feed_forward_norm(x))))  # type: ignore[no-any-return]


def build(options: ResamplerOptions, shape: PromptShape) -> ResamplerPrompt:
    """The prompt generator of a recipe."""
    return ResamplerPrompt(options, shape)
