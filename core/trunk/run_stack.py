"""Runs the layers of a stack: once for all families, in training, scoring and decoding."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from multigraft.core.interfaces.stack import (
    Insert,
    LayerCache,
    LayerInputs,
    Seen,
    Stack,
    StackCache,
    joined_masks,
    moved,
)
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.interceptor import Interceptor

At = int | Literal["embedding"]


@dataclass(frozen=True)
class StackOutput:
    """What a stack gives."""

    tokens: Tokens
    """The last states, with those of inserted tokens."""
    own: slice
    """Which of these are the stack's own tokens."""
    cache: StackCache | None = None
    taps: Mapping[At, Tokens] = field(default_factory=dict)
    """States that enter the layers asked for, and those that come out of the last, by the number of layers."""

    @property
    def states(self) -> Tensor:
        """Those of the stack's own tokens, `(rows, tokens, width)`."""
        return self.tokens.states[:, self.own]


def run_stack(
    stack: Stack,
    tokens: Tokens,
    intercept: "Interceptor",
    *,
    memory: Tokens | None = None,
    inserts: Sequence[Insert] = (),
    text: Tokens | Tensor | None = None,
    taps: Collection[At] = (),
    cache: StackCache | None = None,
    checkpoint: bool = False,
    before: Callable[[int, Tensor], Tensor] = lambda layer, states: states,
) -> StackOutput:
    """Run embedded tokens through all layers.

    Args:
        inserts: what joins the tokens on their way; nothing joins where the cache holds tokens already.
        text: what inserts are told is the text: of another stack, or which of the first of this stack's own tokens are
            text, bool `(rows, tokens)`; all of its own if left out.
        taps: layers whose incoming states are wanted, and the number of layers for those that come out of the last.
        cache: caches to go on from, or empty ones to fill.
        checkpoint: whether layers are computed again in the backward pass instead of keeping what is between.
        before: what each layer reads, by its number, instead of the states so far.
    """
    way = _Way(stack, tokens, intercept, memory, _joining(stack, inserts, cache), text, taps)
    way.insert("embedding")
    way.enter(None if cache is None else cache.seen[0])
    grown: list[LayerCache | None] = []
    seen: list[Seen | None] = [way.seen]
    for number, layer in enumerate(stack.layers):
        way.insert(number)
        shared, at = way.shared(None if cache is None else cache.seen[number + 1])
        run = _Recomputed(layer) if checkpoint and torch.is_grad_enabled() else layer
        x, own = run(before(number, way.tokens.states), shared, None if cache is None else cache.layers[number], at)
        way.states(x)
        grown.append(own)
        seen.append(way.seen)
    way.insert(len(stack.layers))
    way.states(stack.finish(way.tokens.states, intercept.masked(way.tokens.mask)))
    return StackOutput(way.tokens, way.own, _cache(cache, grown, seen, way.marked), way.taps)


def _joining(stack: Stack, inserts: Sequence[Insert], cache: StackCache | None) -> Sequence[Insert]:
    """The inserts that join now: none where tokens come behind those of a cache.

    Raises:
        ValueError: the cache holds marked tokens, and those that come behind them would not be marked.
    """
    if cache is None or cache.is_empty:
        return inserts
    if cache.marked:
        raise ValueError(f"an insert has marked the states of the stack {stack.name!r}: no token can be decoded there")
    return ()


class _Way:
    """The tokens of a stack between its layers."""

    def __init__(
        self,
        stack: Stack,
        tokens: Tokens,
        intercept: "Interceptor",
        memory: Tokens | None,
        inserts: Sequence[Insert],
        text: Tokens | Tensor | None,
        taps: Collection[At],
    ) -> None:
        self.stack, self.tokens, self.memory, self._text = stack, tokens, memory, text
        self.own = slice(0, tokens.states.shape[1])
        self._inserts = [insert for insert in inserts if insert.stack == stack.name]
        self._plain, self._given = intercept, tokens
        self._at: tuple[LayerInputs, Interceptor] | None = None
        self._past: Seen | None = None
        self.seen: Seen | None = None
        self.marked = False
        self.taps: dict[At, Tokens] = {}
        self._tapped = taps

    def states(self, x: Tensor) -> None:
        """Go on with these."""
        self.tokens = replace(self.tokens, states=x)

    def insert(self, at: At) -> None:
        """Let the tokens that come in here join, and keep the states if they are asked for."""
        for insert in self._inserts:
            if insert.layer != at:
                continue
            made = insert.make(self._told())
            states = made.states.to(self.tokens.states.dtype)
            if insert.as_text and at == "embedding":
                states = self.stack.as_words(states, self._plain.masked(made.mask))
            made = replace(made, states=states)
            if insert.mark is not None:
                self.states(insert.mark(self.tokens.states).to(self.tokens.states.dtype))
                self.marked = True
            self.tokens = self.stack.join(self.tokens, made, insert.place == "front", insert.as_text)
            if insert.place == "front":
                count = made.states.shape[1]
                self.own = slice(self.own.start + count, self.own.stop + count)
            self._at = self.seen = None
        if at in self._tapped:
            self.taps[at] = self.tokens

    def _told(self) -> Tokens:
        """The text, without tokens that have joined and without targets."""
        return told(of_columns(self.tokens, self.own), self._text)

    def enter(self, past: Seen | None) -> None:
        """Go on with what enters the first layer."""
        self._stand_behind(past)
        self.states(self.stack.enter(self.tokens, self._plain.masked(self.tokens.mask)))

    def shared(self, past: Seen | None) -> tuple[LayerInputs, "Interceptor"]:
        """Masks and the like for the next layer, anew only where tokens or past have changed."""
        self._stand_behind(past)
        if self._at is None:
            at = self._plain.masked(self.tokens.mask)
            self._at = self.stack.shared(self.tokens, self.memory, past, at), at
        return self._at

    def _stand_behind(self, past: Seen | None) -> None:
        if self.seen is None or past is not self._past:
            if past is not None:
                self.tokens = replace(self.tokens, positions=moved(self._given, past).positions)
            self._at, self._past, self.seen = None, past, self._now_seen(past)

    def _now_seen(self, past: Seen | None) -> Seen:
        states, positions = self.tokens.states, self.tokens.positions
        if past is None:
            return Seen(states.shape[1], self.tokens.mask, positions, self._shift())
        before = states.new_empty(states.shape[0], past.tokens)
        mask = joined_masks(past.mask, before, self.tokens.mask, states)
        if positions is not None and past.positions is not None:
            rows = max(positions.shape[0], past.positions.shape[0])
            positions = torch.cat([past.positions.expand(rows, -1), positions.expand(rows, -1)], 1)
        return Seen(past.tokens + states.shape[1], mask, positions, past.shift)

    def _shift(self) -> Tensor | None:
        now, given = _last_place(self.tokens), _last_place(self._given)
        return None if now is None or given is None or not self._inserts else now - given


def told(own: Tokens, text: Tokens | Tensor | None) -> Tokens:
    """What inserts are told is the text, as `run_stack` has it; `own` are the stack's own tokens."""
    if isinstance(text, Tokens):
        return text
    return own if text is None else replace(of_columns(own, slice(0, text.shape[1])), mask=text)


def of_columns(tokens: Tokens, columns: slice) -> Tokens:
    """Some neighbouring tokens of every row."""
    mask, positions = tokens.mask, tokens.positions
    return Tokens(
        tokens.states[:, columns],
        None if mask is None else mask[:, columns],
        None if positions is None else positions[:, columns],
    )


def _last_place(tokens: Tokens) -> Tensor | None:
    """`(rows or 1, 1)`, behind which further tokens stand; None where the stack knows no positions."""
    positions = tokens.positions
    if positions is not None and tokens.mask is not None:
        positions = positions.masked_fill(~tokens.mask, -1)
    return None if positions is None else positions.amax(1, keepdim=True)


class _Recomputed:
    """A layer that is run again in the backward pass."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer

    def __call__(
        self, x: Tensor, shared: LayerInputs, cache: LayerCache | None, intercept: "Interceptor"
    ) -> tuple[Tensor, LayerCache | None]:
        result: tuple[Tensor, LayerCache | None] = recomputed(
            self._layer, x, shared, cache, intercept, use_reentrant=False
        )
        return result


def _cache(
    given: StackCache | None, layers: Sequence[LayerCache | None], seen: Sequence[Seen | None], marked: bool
) -> StackCache | None:
    if given is None:
        return None
    return StackCache(tuple(layer or LayerCache() for layer in layers), tuple(seen), marked)
