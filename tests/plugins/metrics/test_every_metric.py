"""What holds for all built-in metrics. METEOR is left out here: each score starts a Java program for seconds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multigraft.core.options.base import Options
from multigraft.core.registry.registry import default_registry
from multigraft.core.types.prediction import Answer, Prediction

METRICS = [name for name in default_registry().names("metrics") if "/" not in name and name != "meteor"]
TEXTS = st.sampled_from(["", "red", "Two", "a red ball", "the red ball is on the left", "?", "none"])
PREDICTIONS = st.builds(
    Prediction,
    id=st.uuids().map(str),
    output=TEXTS,
    references=st.lists(TEXTS, max_size=10).map(tuple),
    answers=st.lists(st.builds(Answer, TEXTS, st.sampled_from([0.0, 0.3, 1.0])), max_size=3).map(tuple),
    type=st.sampled_from(["", "colour", "shape"]),
    text=st.sampled_from(["what is this?", "both are red"]),
)


def build(name):
    registry = default_registry()
    options: Options = registry.options("metrics", name).model_validate(name)
    return registry.build("metrics", options)


def scores(name, rows):
    metric = build(name)
    for row in rows:
        metric.update(row)
    return metric.compute(), metric.facts()


def test_all_are_here():
    assert METRICS == [
        "accuracy-by-type",
        "bleu",
        "cider",
        "consistency",
        "exact-match",
        "recall",
        "rouge-l",
        "vqa-accuracy",
    ]


@pytest.mark.parametrize("name", METRICS)
def test_nothing_seen_gives_no_score(name):
    assert build(name).compute() == {}


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=30)
@given(st.lists(PREDICTIONS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(name, rows, random):
    assert scores(name, random.sample(rows, len(rows))) == scores(name, rows)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=30)
@given(st.lists(PREDICTIONS, min_size=1, max_size=8))
def test_scores_are_fractions_and_come_again_from_the_rows_of_a_predictions_file(name, rows):
    lines = [json.dumps(row.to_json()) for row in rows]
    again = [Prediction.from_json(json.loads(line)) for line in lines]
    assert again == rows
    values, facts = scores(name, rows)
    assert (values, json.loads(json.dumps(facts))) == scores(name, again)
    assert all(0 <= value <= (10 if name == "cider" else 1) + 1e-9 for value in values.values())


@pytest.mark.parametrize("name", METRICS)
@given(row=PREDICTIONS)
def test_the_score_of_a_row_is_a_fraction_or_none(name, row):
    score = build(name).score(row)
    assert score is None or 0 <= score <= 1
