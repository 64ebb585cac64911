"""The layers of `audio-transformer`."""

from torch import nn

from multigraft.plugins.encoders.pre_norm_stack import BlockModules
from multigraft.stacks import Projection


class Attention(nn.Module):
    """The four projections of a self-attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.output = nn.Linear(width, width), nn.Linear(width, width)


class FeedForward(nn.Module):
    """The two projections of a feed-forward."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)


class Block(nn.Module):
    """Self-attention and feed-forward, each behind its norm; `PreNormLayer` runs them."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.attention = nn.LayerNorm(width), Attention(width)
        self.feed_forward_norm, self.feed_forward = nn.LayerNorm(width), FeedForward(width, inner)

    def modules_of(self) -> BlockModules:
        """Its modules by our names."""
        parts = dict(self.attention.named_children()) | dict(self.feed_forward.named_children())
        plain = nn.Identity()
        return BlockModules(
            self,
            self.heads,
            own={"self-attention": self.attention, "feed-forward": self.feed_forward},
            norms={"self-attention": self.attention_norm, "feed-forward": self.feed_forward_norm},
            scales={"self-attention": plain, "feed-forward": plain},
            projections={name: Projection(module) for name, module in parts.items()},
            activation=nn.GELU(),
        )
