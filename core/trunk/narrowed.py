"""What a stack gives, for some of its rows."""

from dataclasses import replace
from typing import TYPE_CHECKING

from multigraft.core.interfaces.stack import LayerCache, Seen, StackCache
from multigraft.core.types.tokens import KeyValues

if TYPE_CHECKING:
    from multigraft.core.trunk.run_stack import StackOutput
    from multigraft.core.types.row_choice import RowChoice


def narrowed(output: "StackOutput", rows: "RowChoice") -> "StackOutput":
    """The output of the chosen rows."""
    if rows.count == rows.rows:
        return output
    taps = {at: rows.take_tokens(tokens) for at, tokens in output.taps.items()}
    return replace(
        output,
        tokens=rows.take_tokens(output.tokens),
        cache=output.cache and _cache(output.cache, rows),
        taps=taps,
    )


def _cache(cache: StackCache, rows: "RowChoice") -> StackCache:
    seen = {id(each): each and _seen(each, rows) for each in cache.seen}
    layers = tuple(LayerCache(_key_values(each.own, rows), _key_values(each.cross, rows)) for each in cache.layers)
    beside = {name: _cache(own, rows) for name, own in cache.beside.items()}
    return StackCache(layers, tuple(seen[id(each)] for each in cache.seen), cache.marked, beside)


def _key_values(given: KeyValues | None, rows: "RowChoice") -> KeyValues | None:
    return given and KeyValues(rows.take(given.key), rows.take(given.value))


def _seen(seen: Seen, rows: "RowChoice") -> Seen:
    return Seen(
        seen.tokens,
        None if seen.mask is None else rows.take(seen.mask),
        None if seen.positions is None else rows.take(seen.positions),
        None if seen.shift is None else rows.take(seen.shift),
    )
