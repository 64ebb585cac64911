"""Runs a stack and the networks beside it, whose layers are run as any stack's (Sung et al. 2022, section 3.2).

The trunk comes first, without gradient where such a network has all rows, and what came out of its layers is kept.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.stack import Insert, Stack, StackCache, moved
from multigraft.core.trunk.row_pieces import joined_caches, joined_tokens, rows_of_cache, rows_of_tokens
from multigraft.core.trunk.run_stack import At, StackOutput, run_stack, told
from multigraft.core.types.tokens import Tokens

if TYPE_CHECKING:
    from multigraft.core.interfaces.interceptor import Interceptor
    from multigraft.core.interfaces.side_network import SideRows


def run_beside(
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
) -> StackOutput:
    """As `run_stack`. Where a side network has rows, the states of a stack that ends are its own at these; behind any
    other stack, what it gives is in `Tokens.beside`.

    Raises:
        MultigraftError: tokens join behind the embedding, where no side network would read them.
    """
    sides = intercept.beside(stack.name)
    if not sides:
        return run_stack(
            stack, tokens, intercept, memory=memory, inserts=inserts, text=text, taps=taps, cache=cache,
            checkpoint=checkpoint,
        )  # fmt: skip
    joining = _joining(stack, tokens, inserts, text, cache)
    beside = _Beside(stack, tokens, joining, intercept.plain(), memory, cache, checkpoint)
    with _frozen(sides, tokens.states):
        output = run_stack(
            stack, tokens, intercept, memory=memory, inserts=_read_by_trunk(joining, sides, tokens), text=text,
            taps={*taps, *range(1, len(stack.layers) + 1)}, cache=cache, checkpoint=checkpoint,
        )  # fmt: skip
    return beside.run(sides, output)


def _joining(
    stack: Stack, tokens: Tokens, inserts: Sequence[Insert], text: Tokens | Tensor | None, cache: StackCache | None
) -> list[tuple[Insert, Tokens]]:
    """What joins the stack's tokens now, made once for the trunk and all that is beside it."""
    if cache is not None and not cache.is_empty:
        return []
    own = [insert for insert in inserts if insert.stack == stack.name]
    for insert in own:
        if insert.layer != "embedding":
            raise MultigraftError(
                f"tokens join before layer {insert.layer} of the stack {stack.name!r}, and a side network beside it "
                "reads those that join at the embedding alone"
            )
    return [(insert, insert.make(told(tokens, text))) for insert in own]


def _covers(sides: "Sequence[SideRows]", states: Tensor) -> bool:
    return sum(side.stop - side.start for side in sides) == states.shape[0]


@contextmanager
def _frozen(sides: "Sequence[SideRows]", states: Tensor) -> Iterator[None]:
    """The trunk without gradient and in the precision of the networks beside it, where these have all rows."""
    if not _covers(sides, states):
        yield
        return
    halved = all(side.network.trunk_precision == "bf16" for side in sides)
    with torch.no_grad(), torch.autocast(states.device.type, torch.bfloat16, enabled=halved or _autocasts(states)):
        yield


def _autocasts(states: Tensor) -> bool:
    return torch.is_autocast_enabled(states.device.type)


def _read_by_trunk(
    joining: Sequence[tuple[Insert, Tokens]], sides: "Sequence[SideRows]", tokens: Tokens
) -> list[Insert]:
    """What the trunk reads of what joins: nothing but texts in the rows of a network that keeps it from the rest."""
    kept = []
    for insert, made in joining:
        if _skipped(insert, sides, tokens):
            continue
        real = made.real.expand(tokens.states.shape[0], -1).clone()
        for side in sides:
            if not insert.as_text and side.network.trunk_reads == "text":
                real[side.start : side.stop] = False
        all_read = insert.as_text or all(side.network.trunk_reads == "all" for side in sides)
        given = made if all_read else replace(made, mask=real)
        kept.append(replace(insert, make=lambda _, given=given: given))  # type: ignore[misc]
    return kept


def _skipped(insert: Insert, sides: "Sequence[SideRows]", tokens: Tokens) -> bool:
    """Whether no row of the trunk reads what joins."""
    kept_from = not insert.as_text and all(side.network.trunk_reads == "text" for side in sides)
    return kept_from and _covers(sides, tokens.states)


@dataclass(frozen=True)
class _Beside:
    """The networks beside one pass of a stack."""

    stack: Stack
    tokens: Tokens
    joining: Sequence[tuple[Insert, Tokens]]
    plain: "Interceptor"
    memory: Tokens | None
    cache: StackCache | None
    checkpoint: bool

    def run(self, sides: "Sequence[SideRows]", trunk: StackOutput) -> StackOutput:
        """What the stack gives with them."""
        rows, dtype = self.tokens.states.shape[0], self.tokens.states.dtype
        trunk = replace(trunk, tokens=replace(trunk.tokens, states=trunk.tokens.states.to(dtype)))
        outputs = [self._run(side, sides, trunk) for side in sides]
        by_graft: dict[str, list[tuple[SideRows, StackOutput]]] = {}
        for side, output in zip(sides, outputs, strict=True):
            by_graft.setdefault(side.graft, []).append((side, output))
        cache = trunk.cache
        if cache is not None:
            cache = replace(cache, beside={graft: _cache_of(own, rows) for graft, own in by_graft.items()})
        if sides[0].stack.ends:
            gaps = None if _covers(sides, self.tokens.states) else trunk.tokens
            tokens = joined_tokens([each.tokens for each in outputs], [_bounds(side) for side in sides], rows, gaps)
            return replace(trunk, tokens=tokens, own=outputs[0].own, cache=cache)
        beside = {
            graft: joined_tokens([output.tokens for _, output in own], [_bounds(side) for side, _ in own], rows)
            for graft, own in by_graft.items()
        }
        return replace(trunk, tokens=replace(trunk.tokens, beside=beside), cache=cache)

    def _run(self, side: "SideRows", sides: "Sequence[SideRows]", trunk: StackOutput) -> StackOutput:
        read = self._columns(side, sides)

        def before(number: int, state: Tensor) -> Tensor:
            layer = side.layers[number]
            states = trunk.taps[layer + 1].states[side.start : side.stop].detach().to(self.tokens.states.dtype)
            taken = side.network.from_trunk(states, side.inner[layer])
            return side.network.join(state, _placed(taken, read, state.shape[1]), side.inner[layer])

        assert isinstance(side.narrow, Stack)
        cache = self._cache(side)
        own, *joining = self._entering(side, cache)
        output = run_stack(
            side.narrow,
            own,
            self.plain,
            memory=self._memory(side),
            inserts=[
                replace(insert, make=lambda _, made=made: made)  # type: ignore[misc]
                for (insert, _), made in zip(self.joining, joining, strict=True)
            ],
            cache=cache,
            checkpoint=self.checkpoint,
            before=before,
        )
        if not side.stack.ends:
            return output
        left = side.network.leave(output.tokens.states, side.outer)
        return replace(output, tokens=replace(output.tokens, states=left))

    def _entering(self, side: "SideRows", cache: StackCache | None) -> list[Tokens]:
        """The stack's own tokens in the rows of a network, and those that join them, as they enter its first layer."""
        own = rows_of_tokens(self.tokens, side.start, side.stop)
        pieces, order, whole = [own], [0], moved(own, None if cache is None else cache.seen[0])
        for number, (insert, made) in enumerate(self.joining, 1):
            pieces.append(self._embedded(side, insert, made))
            front = insert.place == "front"
            whole = self.stack.join(whole, pieces[number], front, insert.as_text)
            order = [number, *order] if front else [*order, number]
        states = side.network.enter(self.stack.enter(whole, self.plain), side.outer)
        found = torch.split(states, [pieces[number].states.shape[1] for number in order], 1)
        entered = dict(zip(order, found, strict=True))
        return [replace(piece, states=entered[number]) for number, piece in enumerate(pieces)]

    def _embedded(self, side: "SideRows", insert: Insert, made: Tokens) -> Tokens:
        own = rows_of_tokens(made, side.start, side.stop)
        own = replace(own, states=own.states.to(self.tokens.states.dtype))
        return replace(own, states=self.stack.as_words(own.states, self.plain)) if insert.as_text else own

    def _columns(self, side: "SideRows", sides: "Sequence[SideRows]") -> list[bool] | None:
        """Which of the network's tokens the trunk has read; None for all."""
        read = [True] * self.tokens.states.shape[1]
        for insert, made in self.joining:
            own = [insert.as_text or side.network.trunk_reads == "all"] * made.states.shape[1]
            read = own + read if insert.place == "front" else read + own
        return None if all(read) else read

    def _memory(self, side: "SideRows") -> Tokens | None:
        if self.memory is None:
            return None
        rows = self.tokens.states.shape[0]
        return rows_of_tokens(self.memory.beside[side.graft], side.start, side.stop, rows)

    def _cache(self, side: "SideRows") -> StackCache | None:
        if self.cache is None:
            return None
        own = self.cache.beside.get(side.graft)
        rows = self.tokens.states.shape[0]
        return StackCache.empty(len(side.layers)) if own is None else rows_of_cache(own, side.start, side.stop, rows)


def _bounds(side: "SideRows") -> tuple[int, int]:
    return side.start, side.stop


def _cache_of(own: "Sequence[tuple[SideRows, StackOutput]]", rows: int) -> StackCache:
    """The caches of a graft's network, for all rows."""
    caches = [output.cache for _, output in own if output.cache is not None]
    return joined_caches(caches, [_bounds(side) for side, _ in own], rows)


def _placed(taken: Tensor, read: Sequence[bool] | None, tokens: int) -> Tensor:
    """What was taken of the trunk at the tokens `(rows, tokens, width)` of the network: zero where it read none."""
    if read is None:
        return taken
    places = torch.tensor(read, device=taken.device)
    if taken.shape[1] == tokens:
        return taken.masked_fill(~places[None, :, None], 0.0)
    return taken.new_zeros(taken.shape[0], tokens, taken.shape[2]).index_copy(1, places.nonzero()[:, 0], taken)
