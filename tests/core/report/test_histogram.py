import numpy as np
import pytest

from multigraft.core.report.chart import BOTTOM, HEIGHT
from multigraft.core.report.histogram import histogram


def labels(values):
    return [block.label for block in histogram("words", np.array(values, float)).blocks]


def test_whole_numbers_have_a_bar_each():
    drawn = histogram("words", np.array([1.0, 2, 2, 2, 5]))
    assert [block.label for block in drawn.blocks] == ["1: 1", "2: 3", "5: 1"]
    one, two, five = drawn.blocks
    assert two.height == pytest.approx(3 * one.height, abs=0.2)
    assert five.x - two.x == pytest.approx(3 * (two.x - one.x), abs=0.3)
    assert {block.y + block.height for block in drawn.blocks} == {HEIGHT - BOTTOM}


@pytest.mark.parametrize(
    ("values", "told"),
    [([2, 3, 3], ["2", "3"]), ([2, 3, 4], ["2", "3", "4"]), ([64, 65], ["64", "65"]), ([0.5, 1], ["0.5", "0.6"])],
)
def test_an_axis_of_whole_numbers_has_whole_marks(values, told):
    assert [tick.label for tick in histogram("words", np.array(values, float)).values][: len(told)] == told


def test_many_different_numbers_share_bars_and_all_are_counted():
    values = np.random.default_rng(0).integers(0, 10_000, 1000)
    found = labels(values)
    assert len(found) <= 20
    assert sum(int(label.rpartition(": ")[2].replace(",", "")) for label in found) == 1000


def test_a_few_far_larger_values_are_told_instead_of_drawn():
    drawn = histogram("bytes", np.array([*range(1, 200), 5000.0]))
    assert drawn.beyond == "1 are larger, up to 5000"
    assert histogram("bytes", np.arange(200.0)).beyond == ""


def test_equal_and_no_numbers():
    assert labels([7, 7, 7]) == ["7: 3"]
    assert len(labels([0.3, 0.3])) == 1
    assert histogram("words", np.array([])) is None
