"""What a search trains and is scored on: streams of some tasks, and batches by their numbers."""

from collections.abc import Sequence
from contextlib import closing

from multigraft.core.data.stream import Drawn, Stream
from multigraft.core.options.sampler_options import SamplerOptions
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
