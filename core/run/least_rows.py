"""Whether batches have the rows that objectives need; a sampler is a closed form of the step, so it is known before."""

from collections.abc import Iterator, Mapping, Sequence

from multigraft.core.errors import OptionError
from multigraft.core.interfaces.objective import Objective
from multigraft.core.interfaces.sampler import Sampler
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.spans import spans
from multigraft.core.run.open_run import OpenRun

_STEPS_OF_A_STAGE = 10_000
"""How many are looked at."""
_MORE = "raise `train.batch`, or let `train.sampler` draw the task more often, or whole batches of it (`round-robin`)"


def rows_lacking(
    recipe: Recipe, sampler: Sampler, objectives: Mapping[str, Sequence[Objective]], processes: int = 1
) -> Iterator[OptionError]:
    """An error for each objective whose task has rows in a batch and fewer than it needs, at the objective's place.

    The first 10,000 steps of each stage are looked at. A batch is dealt out row by row, so that each process has the
    rows of a task divided by their number, rounded down or up.
    """
    needing = {task: own for task, own in objectives.items() if any(each.least_rows > 1 for each in own)}
    if not needing:
        return
    steps = [step for s in spans(recipe.train) for step in range(s.start, min(s.stop, s.start + _STEPS_OF_A_STAGE))]
    drawn = [sampler.counts(step) for step in steps]
    for task, own in needing.items():
        found = [(counts[task], step) for counts, step in zip(drawn, steps, strict=True) if counts[task]]
        rows, step = min(found, default=(0, 0))
        least = max(1, rows // processes)
        for number, objective in enumerate(own if found else ()):
            if least < objective.least_rows:
                kind = recipe.tasks[task].objective[number].kind
                told = f"{rows} of the task" + (f", {least} on a process" if processes > 1 else "")
                message = f"`{kind}` needs {objective.least_rows} rows of a batch, and step {step + 1} has {told}"
                yield OptionError(("tasks", task, "objective", number), message, _MORE)


def require_rows(run: OpenRun) -> None:
    """Refuse a training whose batches have too few rows for an objective.

    Raises:
        OptionError: the first that `rows_lacking` finds.
    """
    objectives = {task: [each.objective for each in own] for task, own in run.model.objectives.items()}
    for error in rows_lacking(run.recipe, run.data.sampler(), objectives, run.rank.world):
        raise error
