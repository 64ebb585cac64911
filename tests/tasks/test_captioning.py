import random

import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair

KINDS = ["image-captioning", "video-captioning"]
CAPTIONS = ["a red circle", "a circle, red", "a red disc"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_is_drawn_in_training_and_the_first_in_evaluation(task, annotation, kind):
    captioned = annotation(references=CAPTIONS)
    drawn = {task(kind).example(captioned, random.Random(seed)).target for seed in range(40)}
    assert drawn == set(CAPTIONS)
    assert task(kind).example(captioned, None) == TextPair("", "a red circle")


@pytest.mark.parametrize("kind", KINDS)
def test_prediction_is_compared_with_all_references(task, annotation, kind):
    assert task(kind).prediction(annotation(references=CAPTIONS), "a disc").references == tuple(CAPTIONS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reference_must_be_there_except_to_ask(task, annotation, kind):
    assert task(kind).ask(annotation()) == TextPair("", "")
    with pytest.raises(BadSample, match="missing field: references of annotation a1"):
        task(kind).example(annotation(), None)
