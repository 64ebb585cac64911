"""`first-alone`: the first task alone for some steps, then all in equal shares."""

from collections.abc import Mapping

from multigraft import Sampler
from multigraft_sample.options import FirstAloneOptions


class FirstAlone(Sampler):
    """A closed form of the step."""

    def __init__(self, tasks: tuple[str, ...], batch: int, steps: int) -> None:
        self.tasks, self.batch, self.steps = tasks, batch, steps

    def consumed(self, step: int) -> Mapping[str, int]:
        """Samples of each task before `step`: those of the first steps, and the share of what came later."""
        alone, shared, count = min(step, self.steps), max(step - self.steps, 0), len(self.tasks)
        shares = {task: (shared * self.batch + count - 1 - own) // count for own, task in enumerate(self.tasks)}
        return {**shares, self.tasks[0]: shares[self.tasks[0]] + alone * self.batch}


def build(options: FirstAloneOptions, sizes: Mapping[str, int], batch: int, seed: int) -> FirstAlone:
    """The sampler of a recipe."""
    return FirstAlone(tuple(sizes), batch, options.steps)
