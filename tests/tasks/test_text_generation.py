import random

import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair


@pytest.fixture(scope="module")
def generation(task):
    return task("text-generation")


def test_training_draws_one_of_the_texts_and_evaluation_takes_the_first(generation, annotation):
    asked = annotation(text="say hello", references=["hello", "good day"], weight=0.5)
    drawn = {generation.example(asked, random.Random(seed)).target for seed in range(20)}
    assert drawn == {"hello", "good day"}
    assert generation.example(asked, None) == TextPair("say hello", "hello", 0.5)


def test_answers_serve_as_texts_and_all_are_references(generation, annotation):
    asked = annotation(text="sum it up", context="a long story", answers={"a tale": 1.0, "short": 0.3})
    assert generation.example(asked, None) == TextPair("sum it up context: a long story", "a tale")
    assert generation.prediction(asked, "tale").references == ("a tale", "short")


def test_it_reads_no_media_and_asks_without_an_answer(generation, annotation):
    assert not generation.reads_media
    assert generation.ask(annotation(text="say hello")) == TextPair("say hello", "")
    with pytest.raises(BadSample, match="missing field: references of annotation a1"):
        generation.example(annotation(text="say hello"), None)
