"""The sampler `one-task`: VL-Adapter's `roundrobin` list, by an implementation of our own of its loader."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.errors import OptionError
from multigraft.core.registry.registry import load_registry
from multigraft.plugins.samplers.options import OneTaskOptions

tasks = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(1, 400), st.integers(1, 40)), min_size=1)


def one_task(sizes, batches, batch=32, seed=0):
    registry = load_registry()
    options = registry.options("samplers", "one-task")(kind="one-task", batches=batches)
    return registry.build("samplers", options, sizes=sizes, batch=batch, seed=seed)


def epoch_of_reference(sizes, batches, epoch):
    """The tasks and batch sizes of an epoch: loaders with their last, smaller batch; a shuffled list that is popped."""
    loaders = {
        task: iter([min(batches[task], size - first) for first in range(0, size, batches[task])])
        for task, size in sizes.items()
    }
    epoch_tasks = []
    for task, size in sizes.items():
        epoch_tasks.extend([task] * -(-size // batches[task]))
    random.Random(epoch).shuffle(epoch_tasks)
    drawn = []
    while epoch_tasks:
        task = epoch_tasks.pop()
        drawn.append((task, next(loaders[task])))
    return drawn


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_the_order_is_the_references_in_every_epoch_whatever_the_seed(seed):
    sizes = {"vqa": 6051, "gqa": 9430, "nlvr": 863, "caption": 5667}
    batches = {"vqa": 500, "gqa": 833, "nlvr": 166, "caption": 416}
    sampler = one_task(sizes, batches, seed=seed)
    wanted = [step for epoch in range(8) for step in epoch_of_reference(sizes, batches, epoch)]
    counts = [sampler.counts(step) for step in range(len(wanted))]
    assert [[(task, count) for task, count in each.items() if count] for each in counts] == [[step] for step in wanted]


@given(tasks, st.integers(0, 5))
def test_every_epoch_has_every_sample_of_every_task_once(given_tasks, epoch):
    sizes = {task: size for task, (size, _) in given_tasks.items()}
    batches = {task: batch for task, (_, batch) in given_tasks.items()}
    sampler = one_task(sizes, batches)
    steps = sampler.epoch_steps(sizes, 32)
    assert steps == sum(-(-size // batches[task]) for task, size in sizes.items())
    assert sampler.consumed(epoch * steps) == {task: epoch * size for task, size in sizes.items()}
    drawn = [sampler.counts(epoch * steps + step) for step in range(steps)]
    for counts in drawn:
        ((task, count),) = ((task, count) for task, count in counts.items() if count)
        assert 1 <= count <= batches[task]
    for task, size in sizes.items():
        own = [counts[task] for counts in drawn if counts[task]]
        assert sum(own) == size
        assert own[:-1] == [batches[task]] * (len(own) - 1)


@given(tasks, st.integers(0, 10**6))
def test_any_step_can_be_asked_first(given_tasks, step):
    sizes = {task: size for task, (size, _) in given_tasks.items()}
    batches = {task: batch for task, (_, batch) in given_tasks.items()}
    asked, later = one_task(sizes, batches), one_task(sizes, batches)
    forwards = [asked.consumed(step + own) for own in range(6)]
    assert forwards == [later.consumed(step + own) for own in reversed(range(6))][::-1]
    for before, after in pairwise(forwards):
        assert sorted(after[task] > before[task] for task in sizes) == [*[False] * (len(sizes) - 1), True]
        assert all(after[task] >= before[task] for task in sizes)


def test_tasks_that_say_nothing_have_the_batch_of_the_training():
    sampler = one_task({"a": 64, "b": 20}, {"b": 10}, batch=32)
    assert sorted(tuple(sampler.counts(step).values()) for step in range(4)) == [(0, 10), (0, 10), (32, 0), (32, 0)]


def test_the_largest_batch_is_that_of_the_tasks_drawn():
    options = OneTaskOptions(kind="one-task", batches={"gqa": 833, "nlvr": 166})
    assert options.largest_batch(["nlvr", "gqa"], 500) == 833
    assert options.largest_batch(["nlvr"], 500) == 166
    assert options.largest_batch(["nlvr", "vqa"], 500) == 500


def test_a_batch_for_no_task_is_refused():
    with pytest.raises(OptionError, match="no task 'captoin'; the tasks are vqa, caption; did you mean 'caption'"):
        one_task({"vqa": 1, "caption": 1}, {"captoin": 3})


def test_epochs_of_other_samplers_are_as_many_samples_as_there_are():
    registry = load_registry()
    options = registry.options("samplers", "equal")(kind="equal")
    built = registry.build("samplers", options, sizes={"a": 60, "b": 5}, batch=8, seed=0)
    assert built.epoch_steps({"a": 60, "b": 5}, 8) == 9
