"""Samplers one after another: every step has its whole batch, and a task's epochs go on from stage to stage."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.staged_sampler import StagedSampler
from multigraft.plugins.samplers.weighted import WeightedSampler

TASKS = ("a", "b", "c")
weights = st.dictionaries(st.sampled_from(TASKS), st.integers(1, 9), min_size=1)


@given(st.lists(st.tuples(st.integers(1, 20), weights), min_size=1, max_size=4), st.integers(1, 16), st.integers(0, 99))
def test_every_step_has_a_whole_batch_of_its_stages_tasks(stages, batch, step):
    starts = [sum(steps for steps, _ in stages[:place]) for place in range(len(stages))]
    sampler = StagedSampler(
        [(start, WeightedSampler(own, batch)) for start, (_, own) in zip(starts, stages, strict=True)], TASKS
    )
    own = [own for start, (_, own) in zip(starts, stages, strict=True) if start <= step][-1]
    counts = sampler.counts(step)
    assert tuple(counts) == TASKS
    assert sum(counts.values()) == batch
    assert min(counts.values()) >= 0
    assert {task for task, count in counts.items() if count} <= own.keys()
    assert sum(sampler.consumed(step).values()) == step * batch


@pytest.fixture
def stream(pack, questions, open_task, make_stream):
    """23 annotations of `vqa` and 9 of `caption`: two steps of captions, then both."""
    pack(questions(vqa=23, caption=9))
    captions, both = WeightedSampler({"caption": 1}, 8), WeightedSampler({"vqa": 3, "caption": 1}, 8)
    sampler = StagedSampler([(0, captions), (2, both)], ["vqa", "caption"])
    return make_stream([open_task("vqa"), open_task("caption")], batch=8, sampler=sampler)


def drawn(batches):
    return [Counter(sample.annotation.id for sample in batch) for batch in batches]


def test_what_a_stage_has_drawn_is_not_drawn_by_the_next_before_the_epoch_is_over(stream):
    batches = drawn(stream.batches(0, 3))
    captions = [name for batch in batches for name in batch.elements() if name.startswith("caption")]
    assert [sum(batch.values()) for batch in batches] == [8, 8, 8]
    assert not any(name.startswith("vqa") for batch in batches[:2] for name in batch)
    assert set(Counter(captions).values()) == {2}
    assert len(captions) == 18


def test_a_stream_goes_on_from_inside_a_later_stage(stream):
    assert drawn(stream.batches(3, 6)) == drawn(stream.batches(0, 6))[3:]
