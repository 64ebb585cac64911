"""Stack: layers that the engine runs one after another (core/trunk), for every family alike.

A layer is the unit of checkpointing, compiling and sharding. Nothing of a batch is kept as state: masks and position
biases are worked out for a stretch of layers that run over the same tokens, and caches are handed in and out.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.types.part import Initial
    from multigraft.core.types.tokens import KeyValues, Tokens


@dataclass(frozen=True)
class LayerCache:
    """What a layer keeps between decoding steps."""

    own: "KeyValues | None" = None
    """Of the tokens so far, one row each."""
    cross: "KeyValues | None" = None
    """Of the memory: made once a row, and read by all beams and candidates of the row."""

    def select(self, rows: Tensor) -> "LayerCache":
        """With the tokens so far of the given rows, which read the same memory as those they replace."""
        return replace(self, own=self.own and self.own.select(rows))

    def narrow(self, rows: Tensor) -> "LayerCache":
        """Of the given rows alone."""
        return LayerCache(self.own and self.own.select(rows), self.cross and self.cross.select(rows))


@dataclass(frozen=True)
class Seen:
    """The tokens that a layer's cache holds."""

    tokens: int
    mask: Tensor | None
    """`(rows, tokens)`; None where all are real."""
    positions: Tensor | None
    """`(rows or 1, tokens)`."""
    shift: Tensor | None = None
    """`(rows or 1, 1)`, by how much insertions have moved the place of the next token; None for not at all."""

    def select(self, rows: Tensor) -> "Seen":
        """Of the given rows."""
        places = {
            name: value[rows] if value is not None and value.shape[0] > 1 else value
            for name, value in (("positions", self.positions), ("shift", self.shift))
        }
        return Seen(self.tokens, None if self.mask is None else self.mask[rows], **places)


@dataclass(frozen=True)
class StackCache:
    """The caches of a stack's layers, and what they hold; without tokens before the first pass."""

    layers: tuple[LayerCache, ...]
    seen: tuple[Seen | None, ...]
    """At the embedding, and at each layer: one more than there are layers."""
    marked: bool = False
    """Whether an insert has marked the tokens that it holds."""
    beside: "Mapping[str, StackCache]" = field(default_factory=dict)
    """Of the networks that run beside the stack, by the name of their graft."""

    @classmethod
    def empty(cls, layers: int) -> "StackCache":
        """Before the first pass."""
        return cls((LayerCache(),) * layers, (None,) * (layers + 1))

    @property
    def is_empty(self) -> bool:
        """Whether no pass was made yet."""
        return self.seen[0] is None

    def select(self, rows: Tensor) -> "StackCache":
        """With the tokens so far of the given rows, which read the same memory as those they replace."""
        beside = {name: cache.select(rows) for name, cache in self.beside.items()}
        return StackCache(tuple(layer.select(rows) for layer in self.layers), self._seen(rows), self.marked, beside)

    def narrow(self, rows: Tensor) -> "StackCache":
        """Of the given rows alone."""
        beside = {name: cache.narrow(rows) for name, cache in self.beside.items()}
        return StackCache(tuple(layer.narrow(rows) for layer in self.layers), self._seen(rows), self.marked, beside)

    def _seen(self, rows: Tensor) -> tuple[Seen | None, ...]:
        kept = {id(seen): seen and seen.select(rows) for seen in self.seen}
        return tuple(kept[id(seen)] for seen in self.seen)


@dataclass(frozen=True)
class LayerInputs:
    """What all layers of a stretch read beside the running states; a family may add to it by subclassing."""

    mask: Tensor | None = None
    """Of self-attention: bool (True where attended to) or added numbers, `(rows, heads, queries, keys)` or fewer."""
    memory: "Tokens | None" = None
    """What cross-attention reads."""
    memory_mask: Tensor | None = None
    """Of cross-attention, as `mask`."""


class Layer(nn.Module, ABC):
    """One layer of a stack, over the modules of a pretrained one."""

    @abstractmethod
    def forward(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: "Interceptor"
    ) -> tuple[Tensor, LayerCache | None]:
        """States `(rows, tokens, width)` to the same, and the grown cache; None where none was given."""

    def __call__(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: "Interceptor"
    ) -> tuple[Tensor, LayerCache | None]:
        """As `forward`, with the module's hooks."""
        result: tuple[Tensor, LayerCache | None] = super().__call__(x, shared, cache, intercept)
        return result


class Stack(nn.Module, ABC):
    """Layers over one sequence of tokens."""

    name: str
    """Its name in sites and recipes."""
    reads: Literal["text", "target", "text+target", "media"]
    """What its tokens are."""
    memory: str | None = None
    """The stack whose last states its cross-attention reads."""
    layers: nn.ModuleList

    @abstractmethod
    def embed(self, ids: Tensor, positions: Tensor, intercept: "Interceptor") -> Tensor:
        """Ids `(rows, tokens)` at positions `(rows or 1, tokens)` to states `(rows, tokens, width)`."""

    @abstractmethod
    def shared(
        self, tokens: "Tokens", memory: "Tokens | None", past: Seen | None, intercept: "Interceptor"
    ) -> LayerInputs:
        """Masks and position biases of tokens that come behind `past`; worked out anew after an insertion."""

    @property
    def reads_memory(self) -> bool:
        """Whether it has cross-attention; one that reads no other stack's states reads prompts alone."""
        return self.memory is not None

    def outside_layers(self) -> Iterable[nn.Parameter]:
        """Parameters of its layers' modules that it reads itself, such as a bias table that all layers have in common:
        they stay whole where layers are shared out over processes."""
        return ()

    def join(self, tokens: "Tokens", inserted: "Tokens", front: bool, as_text: bool) -> "Tokens":
        """The tokens with others in front or behind, which have places only where they are counted as text."""
        count, positions = inserted.states.shape[1], tokens.positions
        if not as_text or positions is None:
            return joined(tokens, replace(inserted, positions=_nowhere(inserted)), front)
        last = positions if tokens.mask is None else positions.masked_fill(~tokens.mask, -1)
        first = 0 if front else last.amax(1, keepdim=True) + 1
        own = torch.arange(count, device=positions.device)[None] + first
        moved = torch.where(positions < 0, positions, positions + count) if front else positions
        return joined(replace(tokens, positions=moved), replace(inserted, positions=own), front)

    def as_words(self, states: Tensor, intercept: "Interceptor") -> Tensor:
        """What is done to embedded words, for tokens that are counted as text: `(rows, tokens, width)`."""
        return states

    def enter(self, tokens: "Tokens", intercept: "Interceptor") -> Tensor:
        """What is done to embedded text and inserted tokens, which have their places, before the first layer:
        `(rows, tokens, width)`."""
        return tokens.states

    def finish(self, x: Tensor, intercept: "Interceptor") -> Tensor:
        """What is done behind the last layer."""
        return x


@dataclass(frozen=True)
class NarrowStack:
    """A narrow copy of some layers of a stack."""

    stack: Stack
    """With parameters on the meta device, and none that neither its layers nor its `shared` and `finish` read."""
    initial: "Callable[[str, Tensor], Initial]"
    """The start value of a parameter, by its name in the stack and what has its shape."""


def moved(tokens: "Tokens", past: Seen | None) -> "Tokens":
    """Tokens that come behind others, at the places to which insertions among these have moved them."""
    if past is None or past.shift is None or tokens.positions is None:
        return tokens
    return replace(tokens, positions=tokens.positions + past.shift)


def joined(tokens: "Tokens", inserted: "Tokens", front: bool) -> "Tokens":
    """Tokens of the same rows side by side, with the positions that they have."""
    first, second = (inserted, tokens) if front else (tokens, inserted)
    return replace(
        first,
        states=torch.cat([first.states, second.states], 1),
        mask=joined_masks(first.mask, first.states, second.mask, second.states),
        positions=_joined_positions(first.positions, second.positions),
    )


def joined_masks(first: Tensor | None, one: Tensor, second: Tensor | None, other: Tensor) -> Tensor | None:
    """Masks side by side; None where all tokens are real. `one` and `other` have the masks' first two dimensions."""
    if first is None and second is None:
        return None
    sides = [
        torch.ones(states.shape[:2], dtype=torch.bool, device=states.device) if mask is None else mask
        for mask, states in ((first, one), (second, other))
    ]
    return torch.cat(sides, 1)


def _joined_positions(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return None
    rows = max(first.shape[0], second.shape[0])
    return torch.cat([first.expand(rows, -1), second.expand(rows, -1)], 1)


def _nowhere(tokens: "Tokens") -> Tensor:
    return torch.full((1, tokens.states.shape[1]), -1, device=tokens.states.device)


@dataclass(frozen=True)
class Insert:
    """Tokens that join a stack's before one of its layers."""

    stack: str
    layer: int | Literal["embedding", "memory"]
    """`embedding` is right behind the embedding, before `Stack.enter`; with `memory` they join what the stack's
    cross-attention reads."""
    place: Literal["front", "back"]
    make: Callable[["Tokens"], "Tokens"]
    """Makes them when the layer is reached, of the text: of the stack's own states there, or the last states of the
    stack that read the text where this one does not."""
    as_text: bool = False
    """Whether they are counted as text, such as a learned prompt: they take places in it, and right behind the
    embedding they are treated as embedded words are."""
    mark: Callable[[Tensor], Tensor] | None = None
    """What is done to the stack's states there, `(rows, tokens, width)`, once the others are made: adding a modality's
    embedding, say. Tokens that would be decoded behind marked ones are refused."""
