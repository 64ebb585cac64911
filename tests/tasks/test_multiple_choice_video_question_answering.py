import random

import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair

CHOICES = ("red ball", "blue key", "grey box", "green door")


@pytest.fixture(scope="module")
def multiple_choice(task):
    return task("multiple-choice-video-question-answering")


@pytest.fixture
def asked(annotation):
    return annotation(text="what was reached?", choices=CHOICES, answers={"blue key": 1.0})


def test_evaluation_keeps_the_order_of_choices(multiple_choice, asked):
    text = "what was reached? choices: red ball, blue key, grey box, green door"
    assert multiple_choice.example(asked, None) == TextPair(text, "blue key", 1.0, CHOICES)


def test_training_shuffles_them(multiple_choice, asked):
    examples = [multiple_choice.example(asked, random.Random(seed)) for seed in range(60)]
    assert {example.choices.index("blue key") for example in examples} == {0, 1, 2, 3}
    assert all(sorted(example.choices) == sorted(CHOICES) for example in examples)
    assert all(example.text.endswith("choices: " + ", ".join(example.choices)) for example in examples)
    assert {example.target for example in examples} == {"blue key"}


def test_the_same_draw_gives_the_same_order(multiple_choice, asked):
    assert multiple_choice.example(asked, random.Random(7)) == multiple_choice.example(asked, random.Random(7))


@pytest.mark.parametrize("choices", [(), ("blue key",)])
def test_two_choices_must_be_there(multiple_choice, annotation, choices):
    with pytest.raises(BadSample, match="missing field: choices"):
        multiple_choice.example(annotation(text="what?", choices=choices, answers={"blue key": 1.0}), None)


def test_the_answer_must_be_a_choice(multiple_choice, annotation):
    with pytest.raises(BadSample, match="bad annotation: answer 'cat' of a1 is not one of its choices"):
        multiple_choice.example(annotation(text="what?", choices=CHOICES, answers={"cat": 1.0}), None)


def test_asking_needs_no_answer(multiple_choice, annotation):
    assert multiple_choice.ask(annotation(text="what?", choices=("a", "b"))).text == "what? choices: a, b"
