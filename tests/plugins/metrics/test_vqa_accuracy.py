import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.plugins.metrics.options import VqaAccuracyOptions
from multigraft.plugins.metrics.vqa_accuracy import build, leave_one_out

WORDS = st.sampled_from(["red", "blue", "two", "2", "The blue."])


@pytest.fixture(scope="module")
def metric():
    return build(VqaAccuracyOptions(kind="vqa-accuracy"))


@pytest.mark.parametrize(
    ("annotators", "output", "accuracy"),
    [
        (["cat"] * 6 + ["kitten"] * 3 + ["dog"], "The kitten.", 0.9),
        (["light blue"] * 3 + ["blue"] * 7, "a light-blue", 0.9),
        (["2"] * 2 + ["3"] * 8, "two", 0.6),
        (["yes"] * 10, "Yes", 1.0),
        (["yes"] * 9 + ["no"], "no", 0.3),
        (["yes"] * 10, "", 0.0),
    ],
)
def test_published_values_of_ten_annotators(metric, row, annotators, output, accuracy):
    assert metric.score(row(output, *annotators)) == pytest.approx(accuracy, abs=1e-12)


def test_soft_scores_count_where_annotators_are_unknown(metric, row):
    answers = {"kitten": 0.9, "cat": 1.0, "tabby": 0.3, "pet": 0.3}
    assert metric.score(row("the kitten", *answers, answers=answers)) == 0.9
    assert metric.score(row("dog", *answers, answers=answers)) == 0.0


def test_annotators_come_before_soft_scores(metric, row):
    assert metric.score(row("cat", *["cat"] * 4, *["dog"] * 6, answers={"cat": 0.1})) == 1.0


def test_a_single_reference_is_matched_after_normalisation(metric, row):
    assert metric.score(row("A triangle.", "triangle")) == 1.0
    assert metric.score(row("circle", "triangle")) == 0.0


def test_mean_over_rows(row, scores):
    rows = [row("two", *["2"] * 2, *["3"] * 8), row("yes", "yes")]
    assert scores(build(VqaAccuracyOptions(kind="vqa-accuracy")), rows) == {"vqa-accuracy": pytest.approx(0.8)}


@given(WORDS, st.lists(WORDS, min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_a_fraction_whatever_the_order_of_annotators(metric, row, output, annotators, random):
    accuracy = metric.score(row(output, *annotators))
    shuffled = random.sample(annotators, len(annotators))
    assert 0 <= accuracy <= 1
    assert metric.score(row(output, *shuffled)) == accuracy


@given(st.integers(0, 9))
def test_one_more_agreeing_annotator_never_lowers_it(agreeing):
    fewer = leave_one_out("cat", ["cat"] * agreeing + ["dog"] * (10 - agreeing))
    more = leave_one_out("cat", ["cat"] * (agreeing + 1) + ["dog"] * (9 - agreeing))
    assert more >= fewer
