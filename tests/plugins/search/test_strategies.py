"""Search strategies: one budget, even turns, and which finds a planted best value."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from multigraft import OptionError, ScoredDraw
from multigraft.plugins.search import bandit, round_robin, sweep
from multigraft.plugins.search.options import BanditOptions, RoundRobinSearchOptions, SweepOptions

BUILDS = {
    "bandit": (bandit.build, BanditOptions),
    "round-robin": (round_robin.build, RoundRobinSearchOptions),
    "sweep": (sweep.build, SweepOptions),
}


def strategy(kind, sizes, steps, seed=0, **options):
    build, model = BUILDS[kind]
    return build(model(kind=kind, **options), sizes, steps, seed)


def search(own, steps, reward):
    """Ask for everything, as a search does; what was trained and scored."""
    trained, scored = [], []
    for step in range(steps):
        trained.append(own.trained(step))
        draws = list(own.scored(step))
        own.learn(draws, [reward(draw) for draw in draws])
        scored += draws
    return trained, scored


@pytest.mark.parametrize("kind", BUILDS)
@pytest.mark.parametrize("best", [0, 3, 5])
def test_a_planted_best_value_is_found(kind, best):
    own = strategy(kind, [6], 240, seed=best)
    noise = np.random.default_rng(best)
    search(own, 240, lambda draw: (50 + 4 * (draw.arms[0] == best) + noise.normal(0, 2),))
    assert own.best() == (best,)


@pytest.mark.parametrize("kind", BUILDS)
def test_each_choice_finds_its_own(kind):
    own = strategy(kind, [3, 4], 360)
    noise = np.random.default_rng(1)
    search(own, 360, lambda draw: tuple(40 + 5 * (arm == 2) + noise.normal(0, 2) for arm in draw.arms))
    assert own.best() == (2, 2)


@pytest.mark.parametrize("kind", BUILDS)
@given(seed=st.integers(0, 99), draws=st.integers(2, 8), sizes=st.lists(st.integers(2, 4), min_size=1, max_size=2))
@settings(max_examples=15, deadline=None)
def test_all_have_one_budget(kind, seed, draws, sizes):
    steps = 48
    trained, scored = search(strategy(kind, sizes, steps, seed, draws=draws), steps, lambda draw: (1.0,) * len(sizes))
    assert len(trained) == steps
    assert steps * draws * 0.75 <= len(scored) <= steps * draws


def test_turns_are_even_and_a_round_sees_one_batch():
    trained, scored = search(strategy("round-robin", [4], 40, draws=3), 40, lambda draw: (0.0,))
    assert set(Counter(trained).values()) == {10}
    assert set(Counter(draw.arms for draw in scored).values()) == {30}
    assert all(sorted(scored[at : at + 4], key=lambda d: d.arms) == rounds(at // 4) for at in range(0, 120, 4))


def rounds(batch):
    return [ScoredDraw((arm,), batch) for arm in range(4)]


def test_values_of_two_choices_meet_each_other():
    trained, _ = search(strategy("round-robin", [3, 3], 90), 90, lambda draw: (0.0, 0.0))
    assert len(set(trained)) == 9


def test_a_sweep_trains_each_combination_from_the_start_and_scores_all_on_the_same_batches():
    own = strategy("sweep", [2, 2], 8, draws=3)
    trained, scored = search(own, 8, lambda draw: (1.0, 1.0))
    assert trained == [(0, 0)] * 2 + [(0, 1)] * 2 + [(1, 0)] * 2 + [(1, 1)] * 2
    assert [step for step in range(8) if own.begins_anew(step)] == [0, 2, 4, 6]
    assert scored == [ScoredDraw(arms, batch) for arms in dict.fromkeys(trained) for batch in range(6)]


def test_a_sweep_takes_the_best_combination_where_values_depend_on_each_other():
    own = strategy("sweep", [2, 2], 8)
    search(own, 8, lambda draw: (50.0, 50.0) if draw.arms == (1, 0) else (45.0, 46.0 + draw.arms[1]))
    assert own.best() == (1, 0)


def test_a_sweep_needs_a_step_for_each_combination():
    with pytest.raises(OptionError, match="over 9 combinations needs as many steps at least, and the search has 8"):
        strategy("sweep", [3, 3], 8)


def test_a_value_without_reward_is_not_best_and_does_not_move():
    for kind in BUILDS:
        own = strategy(kind, [3], 30)
        search(own, 30, lambda draw: (None if draw.arms[0] == 0 else 5.0 + draw.arms[0],))
        assert own.best() == (2,), kind


def test_training_draws_may_follow_the_preferences():
    own = strategy("bandit", [2], 400, rate=0.5, training="preferences")
    trained, _ = search(own, 400, lambda draw: (60.0 if draw.arms[0] else 40.0,))
    assert trained.count((1,)) > 300
    evenly, _ = search(strategy("bandit", [2], 400, rate=0.5), 400, lambda draw: (60.0 if draw.arms[0] else 40.0,))
    assert 150 < evenly.count((1,)) < 250


def test_a_bandit_has_nothing_to_hold_a_single_reward_against():
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        BanditOptions(kind="bandit", draws=1)
    assert RoundRobinSearchOptions(kind="round-robin", draws=1).draws == 1
