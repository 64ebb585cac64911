"""Round robin: a step's whole batch is of one task."""

from collections.abc import Mapping, Sequence

from multigraft import Sampler
from multigraft.plugins.samplers.options import RoundRobinOptions


class RoundRobin(Sampler):
    """Tasks take turns, a step each."""

    def __init__(self, tasks: Sequence[str], batch: int) -> None:
        self._tasks, self._batch = tasks, batch

    def consumed(self, step: int) -> dict[str, int]:
        """Samples of each task in all steps before `step`."""
        count = len(self._tasks)
        return {task: (step + count - 1 - turn) // count * self._batch for turn, task in enumerate(self._tasks)}


def build(options: RoundRobinOptions, sizes: Mapping[str, int], batch: int, seed: int) -> Sampler:
    """The sampler for the tasks in the recipe's order."""
    return RoundRobin(tuple(sizes), batch)
