import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.types.sample import TextPair
from multigraft.tasks.text_denoising.infilling import MASK, infill

TEXT = "what is the colour of the ball that was reached first"
SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def denoising(task):
    return task("text-denoising")


def test_the_whole_text_is_the_target(denoising, annotation):
    example = denoising.example(annotation(text=TEXT, weight=0.5), random.Random(0))
    assert (example.target, example.weight) == (TEXT, 0.5)
    assert MASK in example.text.split()


def test_training_masks_anew_and_evaluation_by_the_id(denoising, annotation):
    drawn = {denoising.example(annotation(text=TEXT), random.Random(seed)).text for seed in range(20)}
    fixed = {denoising.example(annotation(text=TEXT), None).text for _ in range(3)}
    other = denoising.example(annotation(text=TEXT, id="a2"), None).text
    assert len(drawn) > 10
    assert len(fixed) == 1
    assert other not in fixed


def test_prediction_is_compared_with_the_whole_text(denoising, annotation):
    row = denoising.prediction(annotation(text=TEXT), "what?")
    assert row.references == (TEXT,)
    assert row.text == denoising.example(annotation(text=TEXT), None).text


def test_asking_takes_masks_as_they_are(denoising, annotation):
    assert denoising.ask(annotation(text="a <mask> ball")) == TextPair("a <mask> ball", "")


@given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=40), st.floats(0.05, 0.9), SEEDS)
def test_the_asked_share_of_words_is_hidden_and_the_rest_keeps_its_order(words, share, seed):
    masked = infill(words, share, 3.0, random.Random(seed))
    kept = [word for word in masked if word != MASK]
    assert len(words) - len(kept) == max(1, round(share * len(words)))
    remaining = iter(words)
    assert all(word in remaining for word in kept)
    assert (MASK, MASK) not in set(itertools.pairwise(masked))


def test_spans_have_the_asked_mean_length():
    words = [str(number) for number in range(1000)]
    masks = [infill(words, 0.3, 3.0, random.Random(seed)).count(MASK) for seed in range(40)]
    assert 300 / (sum(masks) / len(masks)) == pytest.approx(3.0, abs=0.1)


def test_some_masks_hide_nothing():
    """Poisson(3) is 0 once in twenty."""
    words = [str(number) for number in range(1000)]
    masked = infill(words, 0.3, 3.0, random.Random(0))
    empty = [
        before
        for before, mask, after in zip(masked, masked[1:], masked[2:], strict=False)
        if mask == MASK and int(after) == int(before) + 1
    ]
    assert 1 <= len(empty) <= 12
