"""Whether a sampler keeps its contract: counts in closed form, without history."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from multigraft.core.interfaces.sampler import Sampler
from multigraft.core.options.sampler_options import SamplerOptions

SIZES = ({"vqa": 1000, "captions": 37, "videos": 1}, {"alone": 5})
_STEPS, _BATCHES = 40, (1, 7, 32)


def wrong_sampler(build: Any, options: SamplerOptions) -> Iterator[str]:
    """Everything that is wrong with what `build` makes of the options."""
    for sizes in SIZES:
        for batch in _BATCHES:
            lines = list(_wrong_with(build, options, sizes, batch))
            yield from lines
            if lines:
                return


def _wrong_with(build: Any, options: SamplerOptions, sizes: dict[str, int], batch: int) -> Iterator[str]:
    sampler, fresh = (build(options, sizes=sizes, batch=batch, seed=0) for _ in range(2))
    if not isinstance(sampler, Sampler):
        yield f"`build` gives {type(sampler).__name__}, no Sampler"
        return
    largest = options.largest_batch(list(sizes), batch)
    consumed = [dict(sampler.consumed(step)) for step in range(_STEPS + 1)]
    if any(list(each) != list(sizes) for each in consumed):
        yield f"`consumed` does not name the tasks {', '.join(sizes)} in their order"
        return
    if any(dict(fresh.consumed(step)) != consumed[step] for step in reversed(range(_STEPS + 1))):
        yield "`consumed` depends on what was asked before"
        return
    if any(consumed[0].values()):
        yield f"samples are consumed before step 0: {consumed[0]}"
    for step, (before, after) in enumerate(pairwise(consumed)):
        counts = {task: after[task] - before[task] for task in sizes}
        if min(counts.values()) < 0:
            yield f"`consumed` falls at step {step}: {before}, then {after}"
            return
        if counts != dict(sampler.counts(step)):
            yield f"the counts of step {step} are {dict(sampler.counts(step))}, and {counts} are consumed"
            return
        if not 1 <= sum(counts.values()) <= largest:
            yield f"the counts of step {step} are {counts} and do not sum to 1 to {largest}, the largest batch"
            return
    if (steps := sampler.epoch_steps(sizes, batch)) < 1:
        yield f"an epoch has {steps} steps"
