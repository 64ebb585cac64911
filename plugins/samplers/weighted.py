"""Samplers with a fixed share for each task: proportional, temperature, equal, weights.

The number of samples of a task among the first n of a run is a closed form of n: n is split in two by weight, rounded,
and each part again, down a Huffman tree of the tasks. A rounded share of m grows by 0 or 1 with m, and so does what is
left for the other side, so no task's number ever falls; and as heavy tasks stand high in the tree, no number is
ever 2 or more away from its exact share.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from multigraft import OptionError, Sampler, nearest_name
from multigraft.plugins.samplers.options import EqualOptions, ProportionalOptions, TemperatureOptions, WeightsOptions

_SCALE = 1 << 40


@dataclass(frozen=True)
class _Leaf:
    task: str
    weight: int

    def share(self, samples: int, shares: dict[str, int]) -> None:
        shares[self.task] = samples


@dataclass(frozen=True)
class _Split:
    left: "_Leaf | _Split"
    right: "_Leaf | _Split"
    weight: int

    def share(self, samples: int, shares: dict[str, int]) -> None:
        left = (2 * samples * self.left.weight + self.weight) // (2 * self.weight)
        self.left.share(left, shares)
        self.right.share(samples - left, shares)


class WeightedSampler(Sampler):
    """Each task's share of all samples so far is within 2 of its weight's."""

    def __init__(self, weights: Mapping[str, int], batch: int) -> None:
        self._tasks, self._batch = tuple(weights), batch
        self._tree = _huffman({task: weight for task, weight in weights.items() if weight})

    def consumed(self, step: int) -> dict[str, int]:
        """Samples of each task in all steps before `step`."""
        shares = dict.fromkeys(self._tasks, 0)
        self._tree.share(step * self._batch, shares)
        return shares


def _huffman(weights: Mapping[str, int]) -> "_Leaf | _Split":
    heap: list[tuple[int, int, _Leaf | _Split]] = [
        (weight, number, _Leaf(task, weight)) for number, (task, weight) in enumerate(weights.items())
    ]
    heapq.heapify(heap)
    number = len(heap)
    while len(heap) > 1:
        light, heavy = heapq.heappop(heap), heapq.heappop(heap)
        weight = light[0] + heavy[0]
        heapq.heappush(heap, (weight, number, _Split(heavy[2], light[2], weight)))
        number += 1
    return heap[0][2]


def scaled(weights: Mapping[str, float]) -> dict[str, int]:
    """Weights as whole numbers; one that is more than 0 stays so."""
    largest = max(weights.values())
    return {task: max(1, round(weight / largest * _SCALE)) if weight else 0 for task, weight in weights.items()}


def build_proportional(options: ProportionalOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """Shares in proportion to the sizes."""
    return WeightedSampler(sizes, batch)


def build_temperature(options: TemperatureOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """Shares in proportion to `size ** (1 / value)`: temperature-scaled mixing (T5, Raffel et al. 2020, 3.5.2)."""
    return WeightedSampler(scaled({task: size ** (1 / options.value) for task, size in sizes.items()}), batch)


def build_equal(options: EqualOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """Equal shares."""
    return WeightedSampler(dict.fromkeys(sizes, 1), batch)


def build_weights(options: WeightsOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """Shares as given.

    Raises:
        MultigraftError: weights for a task that the recipe does not have, or none for one that it has.
    """
    check_weights(options.weights, sizes)
    return WeightedSampler(scaled({task: options.weights[task] for task in sizes}), batch)


def check_weights(weights: Mapping[str, float], sizes: Mapping[str, int]) -> None:
    """Every task has a weight, and no other has.

    Raises:
        OptionError: not so.
    """
    for task in weights:
        if task not in sizes:
            near = nearest_name(task, sizes)
            hint = f"; did you mean {near!r}?" if near else ""
            raise OptionError(
                ("weights", task), f"sampler weights: no task {task!r}; the tasks are {', '.join(sizes)}{hint}"
            )
    missing = [task for task in sizes if task not in weights]
    if missing:
        raise OptionError(("weights",), f"sampler weights: none for {', '.join(missing)}; 0 leaves a task out")
