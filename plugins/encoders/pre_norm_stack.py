"""The blocks of a transformer whose norms stand first, such as a vision transformer, as a stack.

Adapters act in them over the model's own modules. A block's site is the output of its attention or its feed-forward
module, before layer scale and residual.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from multigraft import Interceptor, Site
from multigraft.plugins.backbones.attention import split_heads
from multigraft.plugins.backbones.sites import block_site, linear_site, norm_site
from multigraft.stacks import (
    AttentionCall,
    KeyValues,
    Layer,
    LayerCache,
    LayerInputs,
    Projection,
    Seen,
    Stack,
    Tokens,
    run_stack,
    self_attention_mask,
)

VISION = "vision"
"""The stack of a vision transformer."""
_PROJECTIONS = {"self-attention": ("query", "key", "value", "output"), "feed-forward": ("gate", "up", "down")}


@dataclass(frozen=True)
class BlockModules:
    """The modules of a pre-norm block, whatever its library calls them."""

    block: nn.Module
    heads: int
    own: Mapping[str, nn.Module]
    """The modules of `self-attention` and `feed-forward`."""
    norms: Mapping[str, nn.Module]
    """What each of the two reads is normalised by."""
    scales: Mapping[str, nn.Module]
    """Layer scale of each of the two."""
    projections: Mapping[str, Projection]
    """`query`, `key`, `value`, `output`, `up`, `down`; `gate` where the feed-forward is gated."""
    activation: nn.Module
    query_norm: nn.Module = field(default_factory=nn.Identity)
    """Of each head of the query, as `key_norm` of the key."""
    key_norm: nn.Module = field(default_factory=nn.Identity)
    mixed_norm: nn.Module = field(default_factory=nn.Identity)
    """Before the output projection."""
    inner_norm: nn.Module = field(default_factory=nn.Identity)
    """Behind the activation."""


class PreNormLayer(Layer):
    """Self-attention and feed-forward, each behind its norm; without dropout, as in evaluation."""

    def __init__(self, modules: BlockModules, stack: str, number: int) -> None:
        super().__init__()
        self.block, self._view, self._at = modules.block, modules, f"{stack}.{number}"

    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: Interceptor
    ) -> tuple[Tensor, LayerCache | None]:
        """`(items, tokens, width)` to the same."""
        for block, run in (("self-attention", self._attention), ("feed-forward", self._feed_forward)):
            site = f"{self._at}.{block}"
            normed = intercept.norm(f"{site}.norm", self._view.norms[block], x)
            output = intercept.block(site, normed, run(normed, shared.mask, intercept), x)
            x = x + self._view.scales[block](output)
        return x, cache

    def _attention(self, x: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tensor:
        view = self._view
        query, key, value = (
            split_heads(self._project("self-attention", name, x, intercept), view.heads)
            for name in ("query", "key", "value")
        )
        call = AttentionCall(view.query_norm(query), KeyValues(view.key_norm(key), value), mask)
        mixed = view.mixed_norm(intercept.attention(f"{self._at}.self-attention.memory", call))
        return self._project("self-attention", "output", mixed, intercept)

    def _feed_forward(self, x: Tensor, mask: Tensor | None, intercept: Interceptor) -> Tensor:
        inner = self._inner(x, intercept)
        return self._project("feed-forward", "down", self._view.inner_norm(inner), intercept)

    def _inner(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """Activated, or gated by what is (Shazeer 2020, eq. 6)."""
        up = self._project("feed-forward", "up", x, intercept)
        if "gate" not in self._view.projections:
            return self._view.activation(up)  # type: ignore[no-any-return]
        return self._view.activation(self._project("feed-forward", "gate", x, intercept)) * up  # type: ignore[no-any-return]

    def _project(self, block: str, name: str, x: Tensor, intercept: Interceptor) -> Tensor:
        return intercept.linear(f"{self._at}.{block}.{name}", self._view.projections[name], x)


class PreNormStack(Stack):
    """A transformer from pictures, or other items, to its last states.

    Args:
        model: paths of sites are paths in it.
        embed: its own code from normalised pictures to what the first block reads.
        name: of the stack, in sites.
        final_norm: behind the last block; `nn.Identity` for none.
    """

    reads = "media"

    def __init__(
        self,
        model: nn.Module,
        embed: Callable[[Tensor], Tensor],
        blocks: Sequence[BlockModules],
        final_norm: nn.Module,
        name: str = VISION,
    ) -> None:
        super().__init__()
        self.name, self._embed, self.final_norm = name, embed, final_norm
        self.layers = nn.ModuleList(PreNormLayer(modules, name, number) for number, modules in enumerate(blocks))
        self._sites = tuple(_sites(name, model, blocks, final_norm))

    def run(self, pictures: Tensor, intercept: Interceptor, checkpoint: bool) -> Tensor:
        """Normalised pictures `(pictures, 3, size, size)` to their last states `(pictures, tokens, width)`."""
        embedded = Tokens(self.embed(pictures, torch.empty(1, 0), intercept))
        return run_stack(self, embedded, intercept, checkpoint=checkpoint).states

    def embed(self, ids: Tensor, positions: Tensor, intercept: Interceptor) -> Tensor:
        """Patches with class token and positions, of pictures; the model places them itself."""
        return self._embed(ids)

    def shared(self, tokens: Tokens, memory: Tokens | None, past: Seen | None, intercept: Interceptor) -> LayerInputs:
        """The mask of an item's real tokens, each of which reads every other."""
        return LayerInputs(self_attention_mask(tokens, past, causal=False))

    def finish(self, x: Tensor, intercept: Interceptor) -> Tensor:
        """The final norm."""
        if isinstance(self.final_norm, nn.Identity):
            return x
        return intercept.norm(f"{self.name}.final-norm", self.final_norm, x)

    def sites(self) -> tuple[Site, ...]:
        """Blocks, projections, attentions and norms of all blocks, and the final norm."""
        return self._sites


def _sites(stack: str, model: nn.Module, blocks: Sequence[BlockModules], final_norm: nn.Module) -> Iterator[Site]:
    paths = {module: path for path, module in model.named_modules()}
    for number, modules in enumerate(blocks):
        width = modules.projections["query"].weight.shape[1]
        for block, names in _PROJECTIONS.items():
            yield norm_site(stack, number, block, "norm", width, paths[modules.norms[block]])
            yield block_site(stack, number, block, width, paths[modules.own[block]])
            for name in (each for each in names if each in modules.projections):
                projection = modules.projections[name]
                width_out, width_in = projection.weight.shape
                yield linear_site(stack, number, block, name, width_in, width_out, paths[projection.module])
        yield _memory_site(stack, number, modules, width, paths[modules.own["self-attention"]])
    if not isinstance(final_norm, nn.Identity):
        yield norm_site(stack, None, None, "final-norm", width, paths[final_norm])


def _memory_site(stack: str, number: int, modules: BlockModules, width: int, path: str) -> Site:
    across, heads = modules.projections["query"].weight.shape[0], modules.heads
    return Site(
        stack, number, "self-attention", "attention", "memory", width, across, path, heads, heads, across // heads
    )
