from fractions import Fraction
from math import comb

import pytest

from multigraft.core.data.binomial import upper_tail


@pytest.mark.parametrize(
    ("count", "draws", "share", "expected"),
    [
        (1, 201, 0.01, 0.8673601219),  # 1 - 0.99 ** 201
        (1, 9, 0.01, 0.0864827525),  # 1 - 0.99 ** 9
        (3, 3, 0.5, 0.125),
        (60, 100, 0.5, 0.0284439668),  # tables of the fair coin
        (0, 10, 0.3, 1.0),
        (11, 10, 0.3, 0.0),
        (1, 10, 0.0, 0.0),
        (10, 10, 1.0, 1.0),
    ],
)
def test_reference_numbers(count, draws, share, expected):
    assert upper_tail(count, draws, share) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("share", [Fraction(1, 100), Fraction(1, 2), Fraction(9, 10)])
def test_it_equals_the_exact_sum(share):
    def exact(count, draws):
        return sum(comb(draws, k) * share**k * (1 - share) ** (draws - k) for k in range(count, draws + 1))

    for draws in (1, 7, 40, 200):
        for count in range(0, draws + 1, 3):
            assert upper_tail(count, draws, float(share)) == pytest.approx(float(exact(count, draws)), rel=1e-9)


def test_many_draws_neither_vanish_nor_take_long():
    assert upper_tail(1, 10**9, 0.01) == pytest.approx(1)
    assert upper_tail(10**7, 10**9, 0.01) == pytest.approx(0.5, abs=1e-3)
    assert upper_tail(10**7 + 15_732, 10**9, 0.01) == pytest.approx(2.87e-7, rel=0.05)  # five standard deviations
    assert upper_tail(10**8, 10**9, 0.01) == 0
