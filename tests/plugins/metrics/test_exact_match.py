import pytest

from multigraft.core.types.prediction import Answer, Prediction
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


@pytest.mark.parametrize(
    ("references", "answers", "right"),
    [
        (("dog",), {"dog": 0.0, "cat": 1.0}, True),  # a reference of its own, whatever an answer's score says
        (("dog",), {"dog": 0.0}, False),  # it only repeats the answers
        (("cat", "cat", "dog"), {"cat": 1.0}, True),
        ((), {"dog": 1e-9}, True),
        ((), {" dog ": 1.0}, True),
        ((" dog\n",), None, True),
        ((), None, False),
        (("",), None, False),
    ],
)
def test_references_and_answers_with_a_score(metric, row, references, answers, right):
    assert metric.score(row("dog", *references, answers=answers)) == right


def test_an_answer_given_twice_counts_if_one_of_its_scores_does(metric):
    row = Prediction("1", "dog", ("dog", "dog"), (Answer("dog", 0.0), Answer("dog", 0.6)))
    assert metric.score(row) == 1


def test_an_empty_output_equals_an_empty_reference_and_nothing_else(metric, row):
    assert metric.score(row("  ", "")) == 1
    assert metric.score(row("", "dog")) == metric.score(row("")) == 0


@pytest.mark.parametrize(
    ("output", "reference", "lower", "none"),
    [
        ("STRASSE", "stra\N{LATIN SMALL LETTER SHARP S}e", 1, 0),
        ("\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER FINAL SIGMA}", 1, 0),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", 1, 1),
        ("\N{NO-BREAK SPACE}left\N{IDEOGRAPHIC SPACE}", "left", 1, 1),
        ("\N{NO-BREAK SPACE}Left", "left", 1, 0),
    ],
)
def test_case_and_white_space_of_any_script(metric, row, output, reference, lower, none):
    assert metric.score(row(output, reference)) == none
    assert build(ExactMatchOptions(kind="exact-match", normalise="lower")).score(row(output, reference)) == lower


def test_rows_with_nothing_to_compare_with_are_told(metric, row, scores):
    assert scores(metric, [row("dog"), row("cat", "cat")]) == {"exact-match": 0.5}
    assert metric.facts() == {"without_references": 1}
