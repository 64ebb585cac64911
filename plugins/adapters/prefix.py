"""Prefix tuning: trained keys and values in front of what attention reads (Li and Liang 2021, section 4)."""

from collections.abc import Mapping, Sequence
from math import sqrt

from torch import Tensor
from torch.nn.functional import linear

from multigraft import Part, Prefix, Site
from multigraft.init import normal, uniform, zeros
from multigraft.plugins.adapters.options import PrefixOptions
from multigraft.stacks import KeyValues


class DirectPrefix(Prefix):
    """Keys and values that are parts; `2 tokens memory_heads head_width` numbers a site."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def parts(self, site: Site) -> Sequence[Part]:
        """`key` and `value`, each (memory_heads, tokens, head_width)."""
        shape = site.memory_heads, self.tokens, site.head_width
        return Part("key", shape, normal(0.02)), Part("value", shape, normal(0.02))

    def memory(self, site: Site, parts: Mapping[str, Tensor]) -> KeyValues:
        """Each `(1, memory_heads, tokens, head_width)`."""
        return KeyValues(parts["key"][None], parts["value"][None])


class ReparametrisedPrefix(Prefix):
    """`Up tanh(Down table)` (section 4.3), with a table and a network of its own at each site.

    With `w` the site's width and `m = memory_heads head_width`, `tokens w + (w + 1) hidden + (hidden + 1) 2 m` numbers.
    """

    def __init__(self, tokens: int, hidden: int) -> None:
        self.tokens, self.hidden = tokens, hidden

    def parts(self, site: Site) -> Sequence[Part]:
        """`table` (tokens, width), and the two linear layers `down` and `up` with their biases."""
        width, made = site.width_in, 2 * site.memory_heads * site.head_width
        return (
            Part("table", (self.tokens, width), normal(1.0)),
            Part("down.weight", (self.hidden, width), uniform(1 / sqrt(width))),
            Part("down.bias", (self.hidden,), zeros),
            Part("up.weight", (made, self.hidden), uniform(1 / sqrt(self.hidden))),
            Part("up.bias", (made,), zeros),
        )

    def memory(self, site: Site, parts: Mapping[str, Tensor]) -> KeyValues:
        """Each `(1, memory_heads, tokens, head_width)`; the first half of what is made are the keys."""
        hidden = linear(parts["table"], parts["down.weight"], parts["down.bias"]).tanh()
        made = linear(hidden, parts["up.weight"], parts["up.bias"])
        apart = made.view(self.tokens, 2, site.memory_heads, site.head_width).permute(1, 2, 0, 3)
        return KeyValues(apart[:1], apart[1:])


def build(options: PrefixOptions, tasks: tuple[str, ...]) -> Prefix:
    """The prefix of a recipe."""
    if options.reparametrised:
        return ReparametrisedPrefix(options.tokens, options.reparametrised.hidden)
    return DirectPrefix(options.tokens)
