"""What a search trains and is scored on: batches by number, and a split that is used for nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from multigraft.core.data.source import TaskSource
from multigraft.core.data.stream import Drawn, Stream
from multigraft.core.errors import MultigraftError
from multigraft.core.options.sampler_options import SamplerOptions
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.recipe.splits import TRAIN, VALIDATION, final_split
from multigraft.core.run.open_run import OpenRun
from multigraft.core.types.sample import Sample

CUTS = "cut", "cut_scored"
"""Counts of texts that a limit has cut, in training and in scoring, among a run's results."""


def stream_of(run: OpenRun, split: str, tasks: Sequence[str], options: SamplerOptions, batch: int) -> Stream:
    """Batches of some tasks in a split, without end."""
    recipe, data = run.recipe, run.data
    sources = {name: data.source(name, split) for name in tasks}
    sizes = {name: source.size for name, source in sources.items()}
    seed = recipe.train.seed
    sampler = run.registry.build("samplers", options, sizes=sizes, batch=batch, seed=seed)
    most = options.largest_batch(list(tasks), batch)
    return Stream(
        sources,
        sampler,
        data.reader,
        data.log,
        seed=seed,
        batch=most,
        window=recipe.data.window,
        threads=data.threads,
    )


def equal_shares(run: OpenRun) -> SamplerOptions:
    """The sampler of scored batches: every task that is scored has a share, and all have as many samples."""
    model = run.registry.options("samplers", "equal")
    found = model.model_validate({"kind": "equal"}, context={"registry": run.registry})
    assert isinstance(found, SamplerOptions)
    return found


class NumberedBatches:
    """Batches of a stream by their numbers; the last one is kept."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._last: Drawn | None = None
        self.counted = 0
        """Batches whose bad samples are counted; those with lower numbers are not counted again."""

    def of(self, number: int) -> Sequence[Sample]:
        """The samples of a batch; bad ones are replaced and counted as in training."""
        if self._last is None or self._last.step != number:
            with closing(self._stream.drawn(number, number + 1)) as drawn:
                self._last = next(drawn)
            if number >= self.counted:
                self._stream.take(self._last)
                self.counted = number + 1
        return self._last.samples


def refuse_used_elsewhere(run: OpenRun, recipe: Recipe, own: str, tasks: Sequence[str]) -> None:
    """A search must not see what its recipe is measured by later, nor be scored on what it trains on.

    Args:
        own: the split that it is scored on.
        tasks: those that are scored.

    Raises:
        MultigraftError: a task has no such split, or shards of it are those of another split too.
    """
    if own in (TRAIN, VALIDATION, "test", recipe.eval.split, final_split(recipe)):
        raise MultigraftError(f"the split {own!r} is for another use; a search is scored on a split of its own")
    for name in tasks:
        if own not in recipe.tasks[name].data:
            raise MultigraftError(f"task '{name}' has no split {own!r} in `data`, which the search is scored on")
        held = set(run.data.source(name, own).contents)
        for place, other in _other_splits(run, recipe, own):
            if shared := held & set(other.contents):
                raise MultigraftError(
                    f"task '{name}': {len(shared)} of the shards of the split {own!r} are in {place} too; "
                    "a search is scored on a split of its own"
                )


def _other_splits(run: OpenRun, recipe: Recipe, own: str) -> Iterator[tuple[str, TaskSource]]:
    for name, options in recipe.tasks.items():
        for split in options.data:
            if split != own:
                yield f"the split {split!r} of '{name}'", run.data.source(name, split)
