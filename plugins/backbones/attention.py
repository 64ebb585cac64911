"""Multi-head attention of a pretrained layer, over projections that a graft can reach."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from multigraft import Interceptor
from multigraft.stacks import AttentionCall, KeyValues, LayerCache, LayerInputs, Projection


def split_heads(x: Tensor, heads: int) -> Tensor:
    """`(rows, tokens, width)` to `(rows, heads, tokens, head width)`."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


class Attention:
    """A view of an attention's modules.

    Args:
        site: name of its block; the sites of its projections lie below.
        projections: those of `query`, `key`, `value` and `output`.
        scale: 1 / sqrt(head width) if left out.
        dropout: of its probabilities, in training.
    """

    def __init__(
        self,
        site: str,
        projections: Mapping[str, Projection],
        heads: int,
        memory_heads: int | None = None,
        scale: float | None = None,
        dropout: float = 0.0,
    ) -> None:
        self.site, self.heads, self.memory_heads = site, heads, memory_heads or heads
        self._projections = dict(projections)
        self._names = {name: f"{site}.{name}" for name in (*projections, "memory")}
        self._scale, self._dropout = scale, dropout

    def query(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """`(rows, heads, tokens, head width)`."""
        return split_heads(self.project("query", x, intercept), self.heads)

    def key_values(self, x: Tensor, intercept: Interceptor) -> KeyValues:
        """Keys and values of tokens."""
        key, value = (self.project(name, x, intercept) for name in ("key", "value"))
        return KeyValues(split_heads(key, self.memory_heads), split_heads(value, self.memory_heads))

    def mix(self, query: Tensor, memory: KeyValues, mask: Tensor | None, intercept: Interceptor) -> Tensor:
        """What the queries read of the memory, projected: `(rows, tokens, width)`."""
        rate = self._dropout if intercept.training else 0.0
        call = AttentionCall(query, memory, mask, self._scale, rate)
        return self.project("output", intercept.attention(self._names["memory"], call), intercept)

    def project(self, name: str, x: Tensor, intercept: Interceptor) -> Tensor:
        """One of its projections."""
        return intercept.linear(self._names[name], self._projections[name], x)

    def memory_of(
        self, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[KeyValues, LayerCache | None]:
        """Keys and values of the memory, from the cache where they are there, and the cache that holds them."""
        if cache is not None and cache.cross is not None:
            return cache.cross, cache
        memory = shared.memory
        if memory is None:
            raise ValueError(f"{self.site} has no memory to read")
        made = self.key_values(memory.states, intercept.masked(memory.mask))
        return made, cache and replace(cache, cross=made)


def grown(cache: LayerCache | None, new: KeyValues) -> tuple[KeyValues, LayerCache | None]:
    """The keys and values of all tokens so far, and the cache that holds them, if there is one."""
    past = cache.own if cache else None
    if past is not None:
        new = KeyValues(torch.cat([past.key, new.key], 2), torch.cat([past.value, new.value], 2))
    return new, cache and replace(cache, own=new)
