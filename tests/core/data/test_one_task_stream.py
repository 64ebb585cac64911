"""Streams whose batches are each of one task, and not all of one size."""

import pytest

from multigraft.plugins.samplers.one_task import OneTask

SIZES, BATCHES = {"vqa": 23, "caption": 9}, {"vqa": 5, "caption": 4}
STEPS = 8


@pytest.fixture
def stream(pack, questions, open_task, make_stream):
    """One of any number of processes over the same annotations."""
    pack(questions(**SIZES))

    def make(rank=0, world=1):
        sources = [open_task("vqa"), open_task("caption")]
        return make_stream(sources, sampler=OneTask(SIZES, BATCHES), rank=rank, world=world)

    return make


def test_each_annotation_is_seen_once_an_epoch_and_in_a_batch_of_its_task(stream):
    for epoch in range(3):
        batches = list(stream().batches(epoch * STEPS, (epoch + 1) * STEPS))
        names = [sample.annotation.id for batch in batches for sample in batch]
        assert len(names) == len(set(names)) == 32
        assert all(len({sample.task for sample in batch}) == 1 for batch in batches)
        assert sorted(len(batch) for batch in batches) == [1, 3, 4, 4, 5, 5, 5, 5]
    assert stream().epochs(STEPS * 3) == {"vqa": 3.0, "caption": 3.0}


def test_a_stream_goes_on_from_inside_an_epoch(stream):
    def ids(batches):
        return [[sample.annotation.id for sample in batch] for batch in batches]

    assert ids(stream().batches(11, 20)) == ids(stream().batches(0, 20))[11:]


def test_processes_share_each_batch_and_one_may_have_nothing_of_the_last(stream):
    whole = [[s.annotation.id for s in batch] for batch in stream().batches(0, STEPS)]
    ranks = [list(stream(rank, 2).drawn(0, STEPS)) for rank in (0, 1)]
    for step, batch in enumerate(whole):
        first, second = (rank[step] for rank in ranks)
        assert [s.annotation.id for s in first.samples] == batch[::2]
        assert [s.annotation.id for s in second.samples] == batch[1::2]
        assert first.total == second.total == len(batch)
        assert first.tasks == second.tasks
