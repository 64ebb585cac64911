"""Compositional and open video question answering."""

import random

import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair

KINDS = ["compositional-question-answering", "open-video-question-answering"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("draw", [None, random.Random(0)])
def test_the_best_answer_is_the_target(task, annotation, kind, draw):
    asked = annotation(text="what was reached first?", answers={"box": 0.5, "ball": 1.0}, weight=0.5)
    assert task(kind).example(asked, draw) == TextPair("what was reached first?", "ball", 0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_serves_as_answer(task, annotation, kind):
    assert task(kind).example(annotation(text="what?", references=["key"]), None).target == "key"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_must_be_there_except_to_ask(task, annotation, kind):
    unanswered = annotation(text="what?")
    assert task(kind).ask(unanswered) == TextPair("what?", "")
    with pytest.raises(BadSample, match="missing field: answers of annotation a1"):
        task(kind).example(unanswered, None)


@pytest.mark.parametrize("kind", KINDS)
def test_prediction_keeps_what_metrics_need(task, annotation, kind):
    asked = annotation(text="what?", answers={"key": 1.0}, type="object", source="babyai")
    row = task(kind).prediction(asked, "box")
    assert (row.output, row.references, row.type, row.source, row.text) == (
        "box",
        ("key",),
        "object",
        "babyai",
        "what?",
    )
