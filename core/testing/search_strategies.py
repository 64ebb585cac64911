"""Whether a search strategy keeps its contract: valid draws, within the budget, and the same ones when it goes on."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from multigraft.core.interfaces.search_strategy import ScoredDraw, SearchStrategy
from multigraft.core.options.search_options import SearchStrategyOptions

_SIZES: tuple[tuple[int, ...], ...] = ((2,), (4, 3))
_STEPS = 24
_Draws = tuple[tuple[int, ...], bool, tuple[ScoredDraw, ...]]


def wrong_search_strategy(build: Any, options: SearchStrategyOptions) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    for sizes in _SIZES:
        strategy, again = (build(options, sizes=sizes, steps=_STEPS, seed=0) for _ in range(2))
        if not isinstance(strategy, SearchStrategy):
            yield f"`build` gives {type(strategy).__name__}, no SearchStrategy"
            return
        drawn = [_step(strategy, step) for step in range(_STEPS)]
        yield from _wrong_draws(drawn, sizes, options)
        yield from _wrong_preferences(strategy, sizes)
        if drawn != _with_a_stop(again, build(options, sizes=sizes, steps=_STEPS, seed=0)):
            yield "what it draws is another when it goes on from `state`"


def _step(strategy: SearchStrategy, step: int) -> _Draws:
    drawn = strategy.trained(step), strategy.begins_anew(step), tuple(strategy.scored(step))
    strategy.learn(drawn[2], [tuple(10.0 * arm + draw.batch % 7 for arm in draw.arms) for draw in drawn[2]])
    return drawn


def _with_a_stop(first: SearchStrategy, second: SearchStrategy) -> list[_Draws]:
    drawn = [_step(first, step) for step in range(_STEPS // 2 + 1)]
    second.restore(json.loads(json.dumps(first.state())))
    return drawn + [_step(second, step) for step in range(_STEPS // 2 + 1, _STEPS)]


def _wrong_draws(drawn: Sequence[_Draws], sizes: Sequence[int], options: SearchStrategyOptions) -> Iterator[str]:
    taken = [arms for trained, _, draws in drawn for arms in (trained, *(draw.arms for draw in draws))]
    if any(len(arms) != len(sizes) or not _all_known(arms, sizes) for arms in taken):
        yield f"it draws values that are none of {', '.join(map(str, sizes))}, numbered from 0"
    scored, most = sum(len(draws) for _, _, draws in drawn), _STEPS * options.draws
    if not 1 <= scored <= most:
        yield f"it scores {scored} batches in {_STEPS} steps, and `draws: {options.draws}` allows {most}"


def _all_known(arms: Sequence[int], sizes: Sequence[int]) -> bool:
    return all(0 <= arm < size for arm, size in zip(arms, sizes, strict=True))


def _wrong_preferences(strategy: SearchStrategy, sizes: Sequence[int]) -> Iterator[str]:
    if [len(values) for values in strategy.preferences()] != list(sizes):
        yield f"`preferences` does not have {', '.join(map(str, sizes))} values"
    elif not _all_known(strategy.best(), sizes):
        yield f"`best` gives {strategy.best()}, which are no values"
