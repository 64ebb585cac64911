"""Rows of tokens and caches taken apart, and put together again; rows that no piece has are zero."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from multigraft.core.interfaces.stack import LayerCache, Seen, StackCache
from multigraft.core.types.tokens import KeyValues, Tokens

T = TypeVar("T")
S = TypeVar("S")
Rows = tuple[int, int]
"""The first of some neighbouring rows, and the one behind the last."""


def rows_of_tokens(tokens: Tokens, start: int, stop: int, rows: int | None = None) -> Tokens:
    """The tokens of some of `rows` rows; they may have one row for several of these, or one for all."""
    rows = tokens.states.shape[0] if rows is None else rows
    mask, positions = tokens.mask, tokens.positions
    return Tokens(
        _rows(tokens.states, start, stop, rows),
        None if mask is None else _rows(mask, start, stop, rows),
        None if positions is None else _rows(positions, start, stop, rows),
    )


def rows_of_cache(cache: StackCache, start: int, stop: int, rows: int) -> StackCache:
    """The caches of some of `rows` rows."""
    if stop - start == rows:
        return cache

    def cut(x: Tensor) -> Tensor:
        return _rows(x, start, stop, rows)

    seen = {id(each): each and _mapped_seen(each, cut) for each in cache.seen}
    layers = (LayerCache(_mapped_pair(each.own, cut), _mapped_pair(each.cross, cut)) for each in cache.layers)
    return StackCache(tuple(layers), tuple(seen[id(each)] for each in cache.seen), cache.marked)


def joined_tokens(pieces: Sequence[Tokens], bounds: Sequence[Rows], rows: int, gaps: Tokens | None = None) -> Tokens:
    """Tokens of `rows` rows, whose pieces have those of `bounds`; in between they are those of `gaps`."""
    if bounds[0] == (0, rows):
        return pieces[0]
    states = _joined([each.states for each in pieces], bounds, rows, None if gaps is None else gaps.states)
    real = _joined([each.real for each in pieces], bounds, rows, None if gaps is None else gaps.real)
    between = None if gaps is None else gaps.positions
    positions = _or_none([each.positions for each in pieces], lambda own: _joined(own, bounds, rows, between))
    return Tokens(states, real, positions)


def joined_caches(pieces: Sequence[StackCache], bounds: Sequence[Rows], rows: int) -> StackCache:
    """The caches of `rows` rows, whose pieces have those of `bounds`."""
    first = pieces[0]
    if bounds[0] == (0, rows):
        return first
    layers = (_joined_layer([each.layers[at] for each in pieces], bounds, rows) for at in range(len(first.layers)))
    kept: dict[int, Seen | None] = {}
    for at, seen in enumerate(first.seen):
        if id(seen) not in kept:
            kept[id(seen)] = _or_none([each.seen[at] for each in pieces], lambda own: _joined_seen(own, bounds, rows))
    return StackCache(tuple(layers), tuple(kept[id(seen)] for seen in first.seen), first.marked)


def _rows(x: Tensor, start: int, stop: int, rows: int) -> Tensor:
    if x.shape[0] == 1 != rows or stop - start == rows:
        return x
    return x[start * x.shape[0] // rows : stop * x.shape[0] // rows]


def _mapped_pair(pair: KeyValues | None, change: Callable[[Tensor], Tensor]) -> KeyValues | None:
    return pair and KeyValues(change(pair.key), change(pair.value))


def _mapped_seen(seen: Seen, change: Callable[[Tensor], Tensor]) -> Seen:
    places = (seen.mask, seen.positions, seen.shift)
    return Seen(seen.tokens, *(each if each is None else change(each) for each in places))


def _or_none(values: Sequence[T | None], join: Callable[[list[T]], S]) -> S | None:
    """What is made of the values; None where there are none."""
    own = [value for value in values if value is not None]
    return join(own) if own else None


def _joined(values: Sequence[Tensor], bounds: Sequence[Rows], rows: int, gaps: Tensor | None = None) -> Tensor:
    """Rows side by side; a value may have one row for all of its own."""
    found, at = [], 0
    for value, (start, stop) in zip(values, bounds, strict=True):
        found += [_gap(gaps, value, at, start, rows), value.expand(stop - start, *value.shape[1:])]
        at = stop
    return torch.cat([*found, _gap(gaps, values[0], at, rows, rows)])


def _gap(gaps: Tensor | None, like: Tensor, start: int, stop: int, rows: int) -> Tensor:
    if gaps is None:
        return like.new_zeros(stop - start, *like.shape[1:])
    return gaps.expand(rows, *gaps.shape[1:])[start:stop].to(like.dtype)


def _joined_layer(layers: Sequence[LayerCache], bounds: Sequence[Rows], rows: int) -> LayerCache:
    def joined(pairs: Sequence[KeyValues]) -> KeyValues:
        copies = (bounds[0][1] - bounds[0][0]) // pairs[0].key.shape[0]
        own = [(start // copies, stop // copies) for start, stop in bounds]
        key = _joined([each.key for each in pairs], own, rows // copies)
        return KeyValues(key, _joined([each.value for each in pairs], own, rows // copies))

    return LayerCache(
        _or_none([each.own for each in layers], joined), _or_none([each.cross for each in layers], joined)
    )


def _joined_seen(seen: Sequence[Seen], bounds: Sequence[Rows], rows: int) -> Seen:
    def joined(values: Sequence[Tensor]) -> Tensor:
        return _joined(values, bounds, rows)

    return Seen(
        seen[0].tokens,
        _or_none([each.mask for each in seen], joined),
        _or_none([each.positions for each in seen], joined),
        _or_none([each.shift for each in seen], joined),
    )
