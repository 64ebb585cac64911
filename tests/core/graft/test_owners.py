"""Which tensors exist under a sharing rule, for any tasks and sites."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.types.site import Site
from multigraft.plugins.adapters import bottleneck
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing import groups, half_shared, per_task, single
from multigraft.plugins.sharing.options import GroupsOptions, HalfSharedOptions, PerTaskOptions, SingleOptions

WIDTH, INNER = 8, 2
DOWN, UP = INNER * WIDTH + INNER, WIDTH * INNER + WIDTH

names = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=1, max_size=5, unique=True)
layers = st.integers(1, 3)


def graft_of(tasks, depth, sharing):
    graft = Graft(tuple(tasks), Bank(0))
    sites = [Site("encoder", layer, "feed-forward", "block", None, WIDTH, WIDTH, "") for layer in range(depth)]
    adapter = bottleneck.build(BottleneckOptions(kind="bottleneck", width=INNER), tuple(tasks))
    add_method(graft, Method("bottleneck", adapter, tuple(sites), sharing))
    graft.bank.allocate(torch.device("cpu"))
    return graft


def numbers(graft):
    return sum(value.numel() for value in graft.bank.trained().values())


@given(names, layers)
def test_single_has_one_of_each(tasks, depth):
    graft = graft_of(tasks, depth, single.build(SingleOptions(kind="single"), tuple(tasks)))
    assert numbers(graft) == depth * (DOWN + UP)
    assert all(graft.keys_of(task) == set(graft.bank.trained()) for task in tasks)


@given(names, layers)
def test_per_task_shares_nothing(tasks, depth):
    graft = graft_of(tasks, depth, per_task.build(PerTaskOptions(kind="per-task"), tuple(tasks)))
    assert numbers(graft) == len(tasks) * depth * (DOWN + UP)
    owned = [graft.keys_of(task) for task in tasks]
    assert sum(map(len, owned)) == len(set().union(*owned))


@given(names, layers)
def test_half_shared_shares_what_the_patterns_name(tasks, depth):
    rule = half_shared.build(HalfSharedOptions(kind="half-shared"), tuple(tasks))
    graft = graft_of(tasks, depth, rule)
    assert numbers(graft) == depth * (UP + len(tasks) * DOWN)
    common = set.intersection(*(graft.keys_of(task) for task in tasks))
    shared = {key.part for key in common if key.owner.task_scope == "shared"}
    assert shared == {"bottleneck.up.weight", "bottleneck.up.bias"}


@given(names, layers, st.data())
def test_groups_have_one_of_each(tasks, depth, data):
    group_of = {task: data.draw(st.sampled_from("xyz")) for task in tasks}
    members = {group: [task for task in tasks if group_of[task] == group] for group in set(group_of.values())}
    rule = groups.build(GroupsOptions(kind="groups", groups=members), tuple(tasks))
    graft = graft_of(tasks, depth, rule)
    assert numbers(graft) == len(members) * depth * (DOWN + UP)
    for task in tasks:
        assert all(graft.keys_of(task) == graft.keys_of(other) for other in members[group_of[task]])


@pytest.mark.parametrize("shared", [["*"], ["middle.*"]])
def test_half_shared_refuses_to_share_all_or_nothing(shared):
    rule = half_shared.build(HalfSharedOptions(kind="half-shared", shared=shared), ("a",))
    with pytest.raises(MultigraftError, match=r"shares (every|no) part of"):
        graft_of(["a"], 1, rule)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x": ["a"]}, "task 'b' is in no group"),
        ({"x": ["a", "b", "c"]}, "no task is named 'c'"),
        ({"x": ["a", "b"], "y": ["a"]}, "task 'a' is in several groups"),
        ({"x": ["a", "b"], "y": []}, "group 'y' has no task"),
    ],
)
def test_groups_must_hold_each_task_once(members, message):
    with pytest.raises(MultigraftError, match=message):
        groups.build(GroupsOptions(kind="groups", groups=members), ("a", "b"))


@given(st.integers(0, 5), names)
def test_start_values_depend_on_seed_owner_and_part_alone(seed, tasks):
    rule = per_task.build(PerTaskOptions(kind="per-task"), tuple(tasks))
    first, second = graft_of(tasks, 2, rule), graft_of(tasks[::-1], 3, rule)
    for key, value in first.bank.trained().items():
        assert torch.equal(value, second.bank[key])
    weights = [value for key, value in first.bank.trained().items() if key.part.endswith("down.weight")]
    assert len({tuple(weight.flatten().tolist()) for weight in weights}) == len(weights)
