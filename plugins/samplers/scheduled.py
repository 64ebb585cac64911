"""Shares of the tasks that move over the training: piecewise linear in the step, in levels of constant shares.

A level ends on whole numbers of samples as near to the sum of all shares so far as can be, so that what is rounded does
not add up; within a level the numbers are those of `WeightedSampler`. All is a closed form of the step.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import floor

from multigraft import OptionError, Sampler
from multigraft.plugins.samplers.options import Knot, ScheduleOptions
from multigraft.plugins.samplers.weighted import WeightedSampler, check_weights, scaled

_LEVELS = 100


class Scheduled(Sampler):
    """Levels one after another, the last without end.

    Args:
        levels: first step and shares of each; shares sum to 1.
    """

    def __init__(self, levels: Sequence[tuple[int, Mapping[str, float]]], batch: int) -> None:
        self._starts = [start for start, _ in levels]
        self._before: list[dict[str, int]] = [dict.fromkeys(levels[0][1], 0)]
        self._samplers: list[Sampler] = []
        exact = dict.fromkeys(levels[0][1], 0.0)
        for (start, shares), (end, _) in pairwise(levels):
            exact = {task: exact[task] + share * (end - start) * batch for task, share in shares.items()}
            before = self._before[-1]
            after = _whole(exact, before, end * batch)
            self._samplers.append(WeightedSampler({task: after[task] - before[task] for task in after}, batch))
            self._before.append(after)
        self._samplers.append(WeightedSampler(scaled(levels[-1][1]), batch))

    def consumed(self, step: int) -> dict[str, int]:
        """Samples of each task in all steps before `step`."""
        level = bisect_right(self._starts, step) - 1
        own = self._samplers[level].consumed(step - self._starts[level])
        return {task: count + own[task] for task, count in self._before[level].items()}


def _whole(exact: Mapping[str, float], least: Mapping[str, int], total: int) -> dict[str, int]:
    """Whole numbers of this sum, none below its least, as near to exact ones as can be."""
    found = {task: max(least[task], floor(value)) for task, value in exact.items()}
    by_lack = sorted(exact, key=lambda task: exact[task] - found[task], reverse=True)
    for task in by_lack[: max(0, total - sum(found.values()))]:
        found[task] += 1
    for task in reversed(by_lack):
        found[task] -= min(max(0, sum(found.values()) - total), found[task] - least[task])
    return found


def _levels(knots: Sequence[tuple[int, Mapping[str, float]]]) -> list[tuple[int, Mapping[str, float]]]:
    """Constant shares for stretches of steps, each as in its middle."""
    levels: list[tuple[int, Mapping[str, float]]] = []
    for (start, old), (end, new) in pairwise(knots):
        count = min(_LEVELS, end - start)
        bounds = [start + (end - start) * number // count for number in range(count + 1)]
        for first, last in pairwise(bounds):
            way = ((first + last - 1) / 2 - start) / (end - start)
            levels.append((first, {task: (1 - way) * old[task] + way * new[task] for task in old}))
    return [*levels, knots[-1]]


def _shares(knot: Knot, sizes: Mapping[str, int]) -> dict[str, float]:
    if knot.temperature is not None:
        weights = {task: size ** (1 / knot.temperature) for task, size in sizes.items()}
    else:
        weights = {task: knot.weights[task] for task in sizes}
    return {task: weight / sum(weights.values()) for task, weight in weights.items()}


def build(options: ScheduleOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """The sampler.

    Raises:
        OptionError: weights for a task that the recipe does not have, or none for one that it has.
    """
    for number, knot in enumerate(options.knots):
        if knot.weights:
            try:
                check_weights(knot.weights, sizes)
            except OptionError as error:
                raise OptionError(("knots", number, *error.location), error.message, error.hint) from None
    return Scheduled(_levels([(knot.at, _shares(knot, sizes)) for knot in options.knots]), batch)
