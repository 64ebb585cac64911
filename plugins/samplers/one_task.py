"""One task a step, without replacement: `roundrobin` of VL-Adapter (Sung, Cho and Bansal 2022).

In its `VL-T5/src/multitask_data.py` each task stands in a list as often as its loader has batches, in the tasks' order;
`random.Random(epoch)` shuffles the list, and steps take tasks from its end. Its loaders keep their last, smaller batch.
"""

import random
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache

from multigraft import OptionError, Sampler, nearest_name
from multigraft.plugins.samplers.options import OneTaskOptions


class OneTask(Sampler):
    """Every epoch holds every sample of every task once, and every batch is of one task.

    Args:
        sizes: samples of each task.
        batches: samples in a batch of each task; the last one of an epoch has those that are left.
    """

    def __init__(self, sizes: Mapping[str, int], batches: Mapping[str, int]) -> None:
        self._sizes, self._batches = dict(sizes), batches
        self._turns = {task: -(-size // batches[task]) for task, size in sizes.items()}
        self._steps = sum(self._turns.values())
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def consumed(self, step: int) -> dict[str, int]:
        """Samples of each task in all steps before `step`."""
        epoch, made = divmod(step, self._steps)
        order = self._order(epoch)
        return {
            task: epoch * size + min(bisect_left(order[task], made) * self._batches[task], size)
            for task, size in self._sizes.items()
        }

    def epoch_steps(self, sizes: Mapping[str, int], batch: int) -> int:
        """The batches of all tasks together."""
        return self._steps

    def _shuffled(self, epoch: int) -> dict[str, list[int]]:
        """Which steps of an epoch, counted from its first, are of each task; they rise."""
        tasks = [task for task, turns in self._turns.items() for _ in range(turns)]
        random.Random(epoch).shuffle(tasks)
        steps: dict[str, list[int]] = {task: [] for task in self._turns}
        for step, task in enumerate(reversed(tasks)):
            steps[task].append(step)
        return steps


def build(options: OneTaskOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """The sampler; its order is of the epoch alone, whatever the seed, as the reference's is.

    Raises:
        OptionError: a batch for a task that is not drawn.
    """
    for task in options.batches:
        if task not in sizes:
            near = nearest_name(task, sizes)
            hint = f"; did you mean {near!r}?" if near else ""
            raise OptionError(
                ("batches", task), f"sampler one-task: no task {task!r}; the tasks are {', '.join(sizes)}{hint}"
            )
    return OneTask(sizes, {task: options.batches.get(task, batch) for task in sizes})
