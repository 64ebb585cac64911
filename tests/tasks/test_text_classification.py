import random

import pytest
from pydantic import ValidationError

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair

LABELS = ["entailment", "neutral", "contradiction"]
TASK = {"kind": "text-classification", "objective": {"kind": "classification", "labels": LABELS}}


@pytest.mark.parametrize("draw", [None, random.Random(0)])
def test_the_best_label_of_a_pair_of_texts_is_the_target(task, annotation, draw):
    pair = annotation(
        text="it rains", context="the street is wet", answers={"neutral": 1.0, "entailment": 0.3}, weight=0.5
    )
    example = task(**TASK).example(pair, draw)
    assert example == TextPair("it rains context: the street is wet", "neutral", 0.5)
    assert [(each.text, each.score) for each in example.answers] == [("neutral", 1.0), ("entailment", 0.3)]


def test_labels_must_be_given(task):
    with pytest.raises(ValidationError, match="objective\n  Field required"):
        task("text-classification")


def test_it_reads_no_media_and_asks_without_a_label(task, annotation):
    made = task(**TASK)
    assert not made.reads_media
    assert made.ask(annotation(text="it rains")) == TextPair("it rains", "")
    with pytest.raises(BadSample, match="missing field: answers of annotation a1"):
        made.example(annotation(text="it rains"), None)
    with pytest.raises(BadSample, match="missing field: text of annotation a1"):
        made.example(annotation(answers={"neutral": 1.0}), None)
