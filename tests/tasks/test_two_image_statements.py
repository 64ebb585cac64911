import pytest

from multigraft.core.errors import BadSample
from multigraft.core.types.sample import TextPair

PICTURES = ["0.png", "1.png"]


@pytest.fixture(scope="module")
def statements(task):
    return task("two-image-statements")


@pytest.mark.parametrize("truth", ["true", "false"])
def test_the_truth_is_the_target(statements, annotation, truth):
    stated = annotation(text="both are red", answers={truth: 1.0}, media=PICTURES)
    assert statements.example(stated, None) == TextPair("both are red", truth, 1.0, ("true", "false"))


@pytest.mark.parametrize("media", [[], ["0.png"], [*PICTURES, "2.png"]])
def test_two_media_must_be_there(statements, annotation, media):
    with pytest.raises(BadSample, match=f"missing field: media .two, not {len(media)}. of annotation a1"):
        statements.example(annotation(text="both are red", answers={"true": 1.0}, media=media), None)


def test_another_answer_is_refused(statements, annotation):
    with pytest.raises(BadSample, match="bad annotation: answer 'yes' of a1 is neither `true` nor `false`"):
        statements.example(annotation(text="both are red", answers={"yes": 1.0}, media=PICTURES), None)


def test_asking_needs_no_answer(statements, annotation):
    asked = statements.ask(annotation(text="both are red", media=PICTURES))
    assert asked == TextPair("both are red", "", 1.0, ("true", "false"))
