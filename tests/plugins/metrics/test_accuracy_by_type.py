import pytest

from multigraft.plugins.metrics.accuracy_by_type import build
from multigraft.plugins.metrics.options import AccuracyByTypeOptions


def test_each_type_counts_alike_in_the_mean(row, scores):
    metric = build(AccuracyByTypeOptions(kind="accuracy-by-type"))
    rows = [row("red", "red", type="colour")] * 3 + [
        row("red", "blue", type="colour"),
        row("cube", "ball", type="shape"),
    ]
    assert scores(metric, rows) == {"accuracy-by-type": 0.375, "accuracy/colour": 0.75, "accuracy/shape": 0.0}
    assert metric.facts() == {"of": "exact-match", "types": {"colour": 4, "shape": 1}}


def test_of_vqa_accuracy(row, scores):
    metric = build(AccuracyByTypeOptions(kind="accuracy-by-type", of="vqa-accuracy"))
    rows = [row("two", *["2"] * 2, *["3"] * 8, type="number")]
    assert scores(metric, rows)["accuracy/number"] == pytest.approx(0.6)


def test_rows_without_a_type_are_not_lost(row, scores):
    metric = build(AccuracyByTypeOptions(kind="accuracy-by-type"))
    assert scores(metric, [row("red", "red")]) == {"accuracy-by-type": 1.0, "accuracy/untyped": 1.0}
