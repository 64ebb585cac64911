"""The interval of a mean over tasks, by values."""

from math import sqrt

import numpy as np
import pytest

from multigraft.plugins.quickstart.bench.bootstrap import interval, mean_over_tasks


def table(*columns):
    return np.array(columns, float).T


def test_the_mean_is_that_of_the_tasks_whatever_their_numbers_of_rows():
    sums, rows = table([8, 0], [1, 1]), table([10, 10], [1, 3])
    assert mean_over_tasks(sums, rows) == pytest.approx((8 / 20 + 2 / 4) / 2)


def test_two_clusters_of_fifty_rows_each_are_two_and_not_a_hundred():
    """All right in one, all wrong in the other: one draw of four holds the wrong one twice, one the right one."""
    assert interval(table([50, 0]), table([50, 50])) == (0.0, 1.0)


def test_rows_that_are_alone_have_the_interval_of_a_share():
    right, n = 120, 400
    low, high = interval(table([1] * right + [0] * (n - right)), table([1] * n))
    deviation = sqrt(0.3 * 0.7 / n)
    assert (low, high) == pytest.approx((0.3 - 1.96 * deviation, 0.3 + 1.96 * deviation), abs=0.005)


def test_a_cluster_takes_part_in_all_tasks_at_once():
    """Two tasks that are right and wrong about the same pictures have a wider interval than one of them that is the
    other way round, whose mean is always a half."""
    same, rows = [1, 1, 0, 0], [1, 1, 1, 1]
    assert interval(table(same, same), table(rows, rows)) == interval(table(same), table(rows)) == (0.0, 1.0)
    assert interval(table(same, [0, 0, 1, 1]), table(rows, rows)) == (0.5, 0.5)


def test_no_draw_is_without_a_task():
    assert interval(table([1, 0], [1, 0]), table([1, 0], [1, 1]))[0] == pytest.approx((1 + 0.5) / 2)


def test_draws_are_seeded():
    generator = np.random.default_rng(0)
    sums, rows = generator.random((30, 2)), np.ones((30, 2))
    assert interval(sums, rows) == interval(sums, rows)
    assert interval(sums, rows) != interval(sums, rows, seed=1)
