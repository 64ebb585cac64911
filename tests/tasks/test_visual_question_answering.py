import random
from collections import Counter

import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair


@pytest.fixture(scope="module")
def vqa(task):
    return task("visual-question-answering")


def test_answers_are_drawn_in_proportion_to_their_scores(vqa, annotation):
    asked = annotation(text="what animal?", answers={"cat": 0.9, "kitten": 0.3, "dog": 0.0})
    drawn = Counter(vqa.example(asked, random.Random(seed)).target for seed in range(2000))
    assert set(drawn) == {"cat", "kitten"}
    assert drawn["cat"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_the_score_of_the_answer_weighs_the_sample(vqa, annotation):
    asked = annotation(text="what animal?", answers={"kitten": 0.3}, weight=2.0)
    assert vqa.example(asked, random.Random(0)) == TextPair("what animal?", "kitten", 0.6)


def test_evaluation_takes_the_best_answer(vqa, annotation):
    asked = annotation(text="what animal?", answers={"kitten": 0.3, "cat": 0.9, "pet": 0.9})
    assert vqa.example(asked, None) == TextPair("what animal?", "cat", 0.9)


@pytest.mark.parametrize("draw", [None, random.Random(0)])
def test_an_answer_without_a_score_is_an_empty_target_of_weight_zero(vqa, annotation, draw):
    asked = annotation(text="what animal?", answers={"dog": 0.0})
    assert vqa.example(asked, draw) == TextPair("what animal?", "", 0.0)


@pytest.mark.parametrize("draw", [None, random.Random(0)])
def test_a_question_whose_answer_nobody_knows_is_asked_and_no_example(vqa, annotation, draw):
    asked = annotation(text="what animal?", answers={})
    assert vqa.ask(asked) == TextPair("what animal?", "", 1.0)
    with pytest.raises(BadSample, match="missing field: answers of annotation a1"):
        vqa.example(asked, draw)


def test_scores_come_from_the_annotators_where_there_are_only_they(vqa, annotation):
    asked = annotation(text="what animal?", references=["cat", *["dog"] * 3, *["cow"] * 6])
    best = vqa.example(asked, None)
    weights = {
        vqa.example(asked, random.Random(seed)).target: vqa.example(asked, random.Random(seed)).weight
        for seed in range(50)
    }
    assert (best.target, weights) == ("cow", {"cat": 0.3, "dog": 0.9, "cow": 1.0})


def test_a_question_must_be_there(vqa, annotation):
    with pytest.raises(BadSample, match="missing field: text of annotation a1"):
        vqa.example(annotation(text=" ", answers={"cat": 1.0}), None)
