"""Line charts: round ticks around all values, lines inside the axes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.report import chart
from multigraft.core.report.marks import NEUTRAL, Mark

VALUES = st.floats(-1e6, 1e6, allow_nan=False)
POINTS = st.lists(st.tuples(st.integers(0, 10_000), VALUES), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 1.0], ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([0.31, 0.94], ["0.2", "0.4", "0.6", "0.8", "1"]),
        ([2.0, 2.0], ["2", "2.5"]),
        ([0.0, 0.0], ["0", "0.2"]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(values: list[float], labels: list[str]):
    drawn = chart.draw("loss", {"vqa": list(enumerate(values))}, {})
    assert [tick.label for tick in drawn.values] == labels


@given(POINTS)
def test_lines_stay_inside_the_axes(points: list[tuple[int, float]]):
    drawn = chart.draw("loss", {"vqa": sorted(points)}, {})
    for pair in drawn.lines[0].path.split():
        x, y = map(float, pair.split(","))
        assert chart.LEFT - 0.1 <= x <= chart.WIDTH - chart.RIGHT + 0.1
        assert chart.TOP - 0.1 <= y <= chart.HEIGHT - chart.BOTTOM + 0.1
    assert 2 <= len(drawn.values) <= 7


def test_higher_values_are_drawn_higher():
    (line,) = chart.draw("score", {"vqa": [(0, 0.1), (10, 0.9)]}, {}).lines
    assert line.dots[0][1] > line.dots[1][1]
    assert line.last == 0.9


def test_many_points_become_means_of_neighbours():
    (line,) = chart.draw("loss", {"vqa": [(step, float(step % 2)) for step in range(3000)]}, {}).lines
    heights = {pair.split(",")[1] for pair in line.path.split()}
    assert len(line.path.split()) == 150
    assert len(heights) == 1


def test_values_that_are_no_numbers_are_left_out():
    series = {"vqa": [(0, math.nan), (1, 2.0), (2, math.inf)], "caption": [(0, math.nan)]}
    (line,) = chart.draw("loss", series, {}).lines
    assert (line.name, line.last, len(line.dots)) == ("vqa", 2.0, 1)
    assert chart.draw("loss", {"vqa": [(0, math.nan)]}, {}) is None


def test_a_line_has_the_mark_of_its_name():
    marks = {"vqa": Mark(3, "6 3")}
    lines = chart.draw("loss", {"vqa": [(0, 1.0), (1, 2.0)], "of no task": [(0, 1.0), (1, 2.0)]}, marks).lines
    assert [line.mark for line in lines] == [Mark(3, "6 3"), NEUTRAL]


def test_fractions_stand_on_an_axis_from_zero_to_one():
    drawn = chart.draw("accuracy", {"vqa": [(0, 0.31), (10, 0.34)]}, {}, fractions=True)
    assert [tick.label for tick in drawn.values] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
