"""The samplers of a training's stages as one: a task's epochs go on from stage to stage."""

from collections.abc import Sequence

from multigraft.core.interfaces.sampler import Sampler


class StagedSampler(Sampler):
    """Each stage's sampler from the step on that it begins with.

    Args:
        stages: first step and sampler of each, in their order, the first from step 0 on; a sampler knows the tasks of
            its stage alone. The last one goes on without end.
        tasks: all tasks, in the recipe's order.
    """

    def __init__(self, stages: Sequence[tuple[int, Sampler]], tasks: Sequence[str]) -> None:
        self._stages, self._tasks = stages, tasks

    def consumed(self, step: int) -> dict[str, int]:
        """Samples of each task in all steps before `step`."""
        total = dict.fromkeys(self._tasks, 0)
        ends = [start for start, _ in self._stages[1:]]
        for (start, sampler), end in zip(self._stages, [*ends, step], strict=True):
            if start < step:
                for task, count in sampler.consumed(min(step, end) - start).items():
                    total[task] += count
        return total
