import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from multigraft.core.errors import MultigraftError
from multigraft.core.registry.registry import load_registry

sizes = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(1, 10**7), min_size=1, max_size=8)
kinds = st.sampled_from([
    "proportional", "equal", {"kind": "temperature", "value": 2.5}, "round-robin", "weights", "schedule",
])  # fmt: skip


@pytest.fixture(scope="module")
def build():
    registry = load_registry()

    def make(options, sizes, batch):
        options = {"kind": options} if isinstance(options, str) else options
        model = registry.options("samplers", options["kind"])
        return registry.build("samplers", model(**options), sizes=sizes, batch=batch, seed=0)

    return make


def options_of(kind, sizes):
    weights = {task: 1 / size for task, size in sizes.items()}
    knots = [{"at": 0, "weights": weights}, {"at": 7, "temperature": 3}, {"at": 400, "temperature": 1}]
    return {"weights": {"kind": kind, "weights": weights}, "schedule": {"kind": kind, "knots": knots}}.get(
        str(kind), kind
    )


@given(kinds, sizes, st.integers(1, 64), st.integers(0, 10**7))
def test_numbers_sum_to_the_batch_and_never_fall(build, kind, sizes, batch, step):
    sampler = build(options_of(kind, sizes), sizes, batch)
    assert sampler.consumed(0) == dict.fromkeys(sizes, 0)
    for each in (0, 1, step):
        assert sum(sampler.consumed(each).values()) == each * batch
        assert min(sampler.counts(each).values()) >= 0
        assert sum(sampler.counts(each).values()) == batch


@given(sizes, st.integers(1, 64), st.integers(0, 10**6), st.sampled_from([1.0, 1.5, 2.0, 10.0]))
def test_shares_are_kept_to_within_two_samples_at_every_step(build, sizes, batch, step, value):
    sampler = build({"kind": "temperature", "value": value}, sizes, batch)
    weights = {task: size ** (1 / value) for task, size in sizes.items()}
    for task, count in sampler.consumed(step).items():
        assert abs(count - step * batch * weights[task] / sum(weights.values())) < 2


def test_shares_move_in_a_straight_line_from_knot_to_knot(build):
    knots = [{"at": 0, "weights": {"a": 1, "b": 0}}, {"at": 100, "weights": {"a": 1, "b": 3}}]
    sampler = build({"kind": "schedule", "knots": knots}, {"a": 10, "b": 10}, 1000)
    assert [sampler.counts(step)["b"] for step in (0, 50, 99, 100, 5000)] == [0, 375, 743, 750, 750]
    assert abs(sampler.consumed(100)["b"] - 99 * 1000 * 0.75 / 2) < 200
    assert sampler.consumed(300)["b"] - sampler.consumed(100)["b"] == 200 * 750


@given(
    weights=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=2, max_size=4),
    steps=st.integers(1, 300),
    batch=st.integers(1, 64),
    rare=st.floats(0.001, 1),
)
def test_what_is_rounded_at_each_level_does_not_add_up(build, weights, steps, batch, rare):
    weights = [(rare, 2 * rare), *[(one + 0.1, other + 0.1) for one, other in weights]]
    first, last = ({f"t{number}": pair[end] for number, pair in enumerate(weights)} for end in (0, 1))
    knots = [{"at": 0, "weights": first}, {"at": steps, "weights": last}]
    sampler = build({"kind": "schedule", "knots": knots}, dict.fromkeys(first, 1), batch)
    one, other = ({task: value / sum(each.values()) for task, value in each.items()} for each in (first, last))
    exact = dict.fromkeys(first, 0.0)
    for step in range(steps):
        assert all(abs(count - exact[task]) < 5 + batch / 50 for task, count in sampler.consumed(step).items())
        way = step / steps
        exact = {task: exact[task] + batch * ((1 - way) * one[task] + way * other[task]) for task in exact}


@pytest.mark.parametrize(
    ("knots", "message"),
    [
        ([{"at": 0, "weights": {"a": 1}}, {"at": 9, "temperature": 1}], "none for b"),
        ([{"at": 0, "temperature": 1}, {"at": 9, "weights": {"a": 1, "b": 1, "bb": 1}}], "no task 'bb'"),
    ],
)
def test_a_knot_weighs_every_task_and_no_other(build, knots, message):
    with pytest.raises(MultigraftError, match=message) as caught:
        build({"kind": "schedule", "knots": knots}, {"a": 1, "b": 1}, 8)
    assert caught.value.location[:1] == ("knots",)


@pytest.mark.parametrize(
    "knots",
    [
        [{"at": 1, "temperature": 1}, {"at": 9, "temperature": 2}], [{"at": 0, "temperature": 1}, {"at": 9}],
        [{"at": 0, "temperature": 1}, {"at": 0, "temperature": 2}], [{"at": 0, "temperature": 1}],
        [{"at": 0, "weights": {"a": 0}}, {"at": 9, "temperature": 2}],
    ],
)  # fmt: skip
def test_knots_begin_at_step_0_rise_and_say_one_thing(build, knots):
    with pytest.raises(ValidationError):
        build({"kind": "schedule", "knots": knots}, {"a": 1}, 8)


def test_each_kind_gives_the_shares_it_says(build):
    sizes = {"vqa": 9000, "caption": 1000}
    ten_thousand = {
        "proportional": {"vqa": 9000, "caption": 1000},
        "equal": {"vqa": 5000, "caption": 5000},
        "round-robin": {"vqa": 5000, "caption": 5000},
    }
    for kind, expected in ten_thousand.items():
        assert build(kind, sizes, 100).consumed(100) == expected
    assert build({"kind": "temperature", "value": 2}, sizes, 100).consumed(100) == {"vqa": 7500, "caption": 2500}
    weights = {"kind": "weights", "weights": {"vqa": 0, "caption": 3}}
    assert build(weights, sizes, 100).consumed(100) == {"vqa": 0, "caption": 10000}


def test_round_robin_gives_whole_batches_in_turn(build):
    sampler = build("round-robin", {"a": 5, "b": 500, "c": 50}, 8)
    assert [sampler.counts(step) for step in range(4)] == [
        {"a": 8, "b": 0, "c": 0}, {"a": 0, "b": 8, "c": 0}, {"a": 0, "b": 0, "c": 8}, {"a": 8, "b": 0, "c": 0},
    ]  # fmt: skip


def test_tasks_are_spread_over_steps_and_not_bunched(build):
    sampler = build("equal", {"a": 1, "b": 1, "c": 1}, 2)
    assert all(max(sampler.counts(step).values()) == 1 for step in range(60))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"vqa": 1, "captoin": 2}, "no task 'captoin'; the tasks are vqa, caption; did you mean 'caption'"),
        ({"vqa": 1}, "none for caption; 0 leaves a task out"),
    ],
)
def test_weights_name_every_task_and_no_other(build, weights, message):
    with pytest.raises(MultigraftError, match=message):
        build({"kind": "weights", "weights": weights}, {"vqa": 1, "caption": 1}, 4)


@pytest.mark.parametrize("weights", [{}, {"vqa": -1.0}, {"vqa": 0.0}])
def test_weights_are_not_negative_and_not_all_zero(weights):
    from multigraft.plugins.samplers.options import WeightsOptions

    with pytest.raises(ValidationError):
        WeightsOptions(kind="weights", weights=weights)
