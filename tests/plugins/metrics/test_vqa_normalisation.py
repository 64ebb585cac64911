import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.plugins.metrics.vqa_normalisation import normalise


@pytest.mark.parametrize(
    ("answer", "normalised"),
    [
        ("Dont know", "don't know"),
        ("The 2 cats, and a dog.", "2 cats and dog"),
        ("1,000", "1000"),
        ("light-blue", "light blue"),
        ("none", "0"),
        ("ten", "10"),
        ("  Yes\n", "yes"),
        ("3.5", "3.5"),
        ("st. bernard", "st bernard"),
        ("salt/pepper", "salt pepper"),
        ("salt / pepper", "salt pepper"),
    ],
)
def test_official_rules(answer, normalised):
    assert normalise(answer) == normalised


@pytest.mark.parametrize(
    ("written", "contraction"),
    [
        ("arent", "aren't"),
        ("couldn'tve", "couldn't've"),
        ("couldnt've", "couldn't've"),
        ("oclock", "o'clock"),
        ("twas", "'twas"),
        ("y'alld've", "y'all'd've"),
        ("hed", "he'd"),
        ("whos", "who's"),
    ],
)
def test_contractions_get_their_apostrophe(written, contraction):
    assert normalise(written) == contraction


@pytest.mark.parametrize("word", ["its", "well", "wed", "shell", "were"])
def test_words_that_only_look_like_contractions_stay(word):
    assert normalise(word) == word


@given(st.text("abz 19,.'-?", max_size=20))
def test_no_article_and_no_outer_space_is_left(answer):
    words = normalise(answer).split(" ")
    assert not {"a", "an", "the"} & set(words)
    assert words == [""] or "" not in words
