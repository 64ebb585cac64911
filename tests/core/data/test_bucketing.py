"""Buckets change which step a sample comes in, within a few steps, and nothing else."""

from collections import Counter
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multigraft.core.data.bucketing import Buckets
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation
from multigraft.plugins.samplers.round_robin import RoundRobin

shared_shards = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@pytest.fixture
def sources(pack, open_task):
    """30 annotations of `vqa` and 14 of `caption`, whose texts have 1 to 30 characters."""
    texts = [(task, number) for task, count in (("vqa", 30), ("caption", 14)) for number in range(count)]
    pack(
        [
            (f"{task}{number}", [Annotation(id=f"{task}/{number}", task=task, text="x" * (number * 7 % 30 + 1))], {})
            for task, number in texts
        ]
    )
    return [open_task("vqa"), open_task("caption")]


def drawn(stream, start, stop):
    return [
        [(sample.annotation.id, len(sample.annotation.text)) for sample in batch]
        for batch in stream.batches(start, stop)
    ]


def padding(batches):
    """Share of a batch that is padding, over all batches."""
    whole = sum(len(batch) * max(length for _, length in batch) for batch in batches)
    return 1 - sum(length for batch in batches for _, length in batch) / whole


@pytest.mark.parametrize("equal_length", [False, True])
def test_the_same_samples_come_with_less_padding(sources, make_stream, equal_length):
    plain = drawn(make_stream(sources, {"vqa": 30, "caption": 14}, batch=8), 0, 16)
    buckets = Buckets(8, equal_length, [], seed=0, spread=4)
    dealt = drawn(make_stream(sources, {"vqa": 30, "caption": 14}, batch=8, buckets=buckets), 0, 16)
    for start in (0, 8):
        assert sorted(chain(*dealt[start : start + 8])) == sorted(chain(*plain[start : start + 8]))
    assert padding(dealt) < 0.6 * padding(plain)
    if equal_length:
        totals = [sum(length + 32 for _, length in batch) for batch in dealt]
        assert max(totals) < 1.5 * min(totals)
    else:
        mixes = [[Counter(name.partition("/")[0] for name, _ in batch) for batch in each] for each in (plain, dealt)]
        assert mixes[0] == mixes[1]


@shared_shards
@given(
    weights=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    steps=st.integers(2, 9),
    equal_length=st.booleans(),
    ends=st.lists(st.integers(1, 20), max_size=3),
    world=st.integers(1, 2),
    batch=st.integers(8, 12),
    start=st.integers(0, 20),
)
def test_whatever_the_stages_ranks_and_stops_every_sample_is_dealt_once(
    sources, make_stream, weights, steps, equal_length, ends, world, batch, start
):
    named = dict(zip(("vqa", "caption"), weights, strict=True))
    buckets = Buckets(steps, equal_length, ends, seed=3, spread=4)
    plain, dealt = (make_stream(sources, named, batch=batch, buckets=each) for each in (None, buckets))
    for end in (*ends, 21):
        before, after = ([each for step in range(end) for each in s.composition(step)] for s in (plain, dealt))
        if end in ends:
            assert Counter(before) == Counter(after)
        assert max(Counter(after).values()) == 1
    ranks = [make_stream(sources, named, batch=batch, rank=rank, world=world, buckets=buckets) for rank in range(world)]
    whole = drawn(dealt, start, 24)
    shares = [drawn(each, start, 24) for each in ranks]
    assert all(share for rank in shares for share in rank)
    assert [sorted(chain(*(rank[step] for rank in shares))) for step in range(24 - start)] == list(map(sorted, whole))


def test_no_pool_reaches_over_the_end_of_a_stage():
    buckets = Buckets(4, False, [6, 13], seed=0, spread=4)
    assert [tuple(buckets.pool(step)) for step in range(16)] == (
        [(0, 4)] * 4 + [(4, 6)] * 2 + [(6, 10)] * 4 + [(10, 13)] * 3 + [(13, 17)] * 3
    )


def test_a_batch_has_no_more_than_four_times_its_share_and_no_less_than_a_quarter(pack, open_task, make_stream):
    lengths = [1] * 60 + [2000] * 4
    pack([(f"q{n}", [Annotation(id=f"q/{n}", task="vqa", text="x" * each)], {}) for n, each in enumerate(lengths)])
    stream = make_stream([open_task("vqa")], batch=8, buckets=Buckets(8, True, [], seed=0, spread=4))
    sizes = [len(stream.composition(step)) for step in range(8)]
    assert (sum(sizes), min(sizes), max(sizes)) == (64, 2, 32)


def test_steps_of_one_task_stay_so(sources, make_stream):
    named = {source.name: source.size for source in sources}
    sampler = RoundRobin(tuple(named), 6)
    stream = make_stream(sources, batch=6, sampler=sampler, buckets=Buckets(8, True, [], seed=0, spread=4))
    tasks = [{each.task for each in stream.composition(step)} for step in range(16)]
    assert tasks == [{"vqa"}, {"caption"}] * 8


def test_a_step_has_the_same_samples_over_any_number_of_processes(sources, make_stream):
    buckets = Buckets(8, True, [], seed=0, spread=4)
    streams = [make_stream(sources, batch=8, world=world, buckets=buckets) for world in (1, 2)]
    assert [streams[0].composition(step) for step in range(16)] == [streams[1].composition(step) for step in range(16)]
    with pytest.raises(MultigraftError, match="a batch of 2 gives some of the 3 processes no sample"):
        make_stream(sources, batch=8, world=3, buckets=buckets)
