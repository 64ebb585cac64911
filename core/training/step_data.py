"""The data of a step: prepared, counted and collated on the host, before the training thread sees them."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from multigraft.core.data.collate import collate
from multigraft.core.data.prefetch import ahead
from multigraft.core.errors import MultigraftError
from multigraft.core.model.rows import row_maker
from multigraft.core.recipe.spans import largest_batch
from multigraft.core.training.micro_batches import micro_batches

if TYPE_CHECKING:
    from multigraft.core.data.rows import RowMaker
    from multigraft.core.data.stream import Drawn
    from multigraft.core.model.task_objective import TaskObjective
    from multigraft.core.run.open_run import OpenRun
    from multigraft.core.types.batch import Batch
    from multigraft.core.types.row import Row
    from multigraft.core.types.sample import Sample

_STEPS_AHEAD = 2
ObjectiveName = tuple[str, str]
"""Of a task and of one of its objectives."""


@dataclass(frozen=True)
class StepData:
    """What a process does in a step."""

    batches: Mapping[bool, tuple["Batch", ...]]
    """Micro-batches of the tasks that are learned (True) and of those that are not; without rows of weight 0."""
    denominators: Mapping[ObjectiveName, float]
    """Of all of this process's rows, of weight 0 too."""
    rows: tuple["Row", ...]
    """All of them."""
    tasks: tuple[str, ...] = ()
    """Tasks of the global batch, whichever process has their rows."""
    drawn: "Drawn | None" = field(default=None, compare=False)

    @property
    def samples(self) -> int:
        """Samples of the global batch; of this process where nothing was drawn."""
        return len(self.rows) if self.drawn is None else self.drawn.total


class StepMaker:
    """Makes the data of steps."""

    def __init__(self, run: "OpenRun") -> None:
        recipe, model = run.recipe, run.model
        self._objectives, self._order = model.objectives, list(recipe.tasks)
        self._rows: RowMaker = row_maker(model, recipe.tasks, recipe.train.seed)
        self._size, self._length = recipe.train.micro_batch, recipe.train.micro_length
        self._shapes = model.shapes
        self._unlearned = {name for name, task in recipe.tasks.items() if task.weight == 0}
        self._pinned = run.accelerator.device.type == "cuda"
        self._refuse_pieces(-(-largest_batch(recipe) // run.rank.world))

    def of(self, samples: Sequence["Sample"], tasks: Sequence[str] = (), drawn: "Drawn | None" = None) -> StepData:
        """The data of a step that has these samples.

        Args:
            tasks: those of the global batch; those of the samples if left out.
        """
        rows = tuple(self._rows.rows(samples))
        kept = [row for row in rows if row.weight != 0]
        batches = {
            learned: tuple(map(self._batch, self._pieces([r for r in kept if (r.task in self._unlearned) != learned])))
            for learned in (True, False)
        }
        present = tuple(tasks) or tuple(name for name in self._order if any(row.task == name for row in rows))
        return StepData(batches, self._denominators(rows), rows, present, drawn)

    def _batch(self, rows: Sequence["Row"]) -> "Batch":
        batch = collate(rows, self._order)
        return batch.pinned() if self._pinned else batch

    def _denominators(self, rows: Sequence["Row"]) -> dict[ObjectiveName, float]:
        by_task: dict[str, list[Row]] = {}
        for row in rows:
            by_task.setdefault(row.task, []).append(row)
        return {
            (task, each.name): each.objective.denominator(own)
            for task, own in by_task.items()
            for each in self._objectives[task]
        }

    def _pieces(self, rows: Sequence["Row"]) -> Sequence[Sequence["Row"]]:
        """The rows in passes of `micro_batch` and `micro_length`."""
        return micro_batches(rows, self._size or len(rows), self._length) if rows else []

    def _refuse_pieces(self, rows: int) -> None:
        """Refuse to cut batches of so many rows where an objective needs them whole.

        Raises:
            MultigraftError: they would be cut.
        """
        whole = [task for task, own in self._objectives.items() if any(map(self._sees_all_rows, own))]
        cut_by = "micro_batch" if self._size is not None and self._size < rows else "micro_length"
        if whole and (cut_by == "micro_batch" or self._length is not None):
            told = f"the loss of {', '.join(whole)} needs whole batches"
            raise MultigraftError(f"`train.{cut_by}` cannot be used: {told}")

    def _sees_all_rows(self, own: "TaskObjective") -> bool:
        return not own.objective.splittable or bool(own.objective.feature_shapes(self._shapes))


def steps(run: "OpenRun", first: int, stop: int) -> Generator[StepData]:
    """The data of this process's steps from `first` up to, not including, `stop`, made ahead in threads.

    Raises:
        TooManyBadSamples: as `Stream.take`.
    """
    stream, maker = run.data.stream(run.rank), StepMaker(run)
    made = (_made(maker, drawn) for drawn in stream.drawn(first, stop))
    with closing(ahead(made, _STEPS_AHEAD)) as prepared:
        for data in prepared:
            if data.drawn is not None:
                stream.take(data.drawn)
            yield data


def _made(maker: StepMaker, drawn: "Drawn") -> StepData:
    if drawn.lacking:
        return StepData({}, {}, (), drawn=drawn)
    return maker.of(drawn.samples, drawn.tasks, drawn)
