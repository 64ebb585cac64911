import pytest

from multigraft.plugins.metrics.exact_match import build
from multigraft.plugins.metrics.options import ExactMatchOptions


@pytest.fixture
def metric():
    return build(ExactMatchOptions(kind="exact-match"))


def test_any_reference_counts(metric, row, scores):
    rows = [row(" a cat\n", "a kitten", "a cat"), row("a dog", "a kitten", "a cat")]
    assert scores(metric, rows) == {"exact-match": 0.5}


@pytest.mark.parametrize("output", ["Left", "on  the left", "left."])
def test_case_spaces_and_points_count(metric, row, output):
    assert metric.score(row(output, "left", "on the left")) == 0


def test_lower_ignores_case(row):
    metric = build(ExactMatchOptions(kind="exact-match", normalise="lower"))
    assert metric.score(row("Left", "left")) == 1


def test_an_answer_counts_unless_its_score_is_zero(metric, row):
    answers = {"cat": 0.3, "dog": 0.0}
    assert metric.score(row("cat", *answers, answers=answers)) == 1
    assert metric.score(row("dog", *answers, answers=answers)) == 0
