"""GQA from a file of its published form."""

import json

import pytest

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation, ScoredAnswer

QUESTION = {
    "semantic": [{"operation": "select", "dependencies": [], "argument": "sky (2486325)"}],
    "entailed": ["02930160"], "equivalent": ["02930152"], "isBalanced": True,
    "question": "Is the sky dark?", "imageId": "2354786", "answer": "yes", "fullAnswer": "Yes, the sky is dark.",
    "groups": {"global": None, "local": "06-sky_dark"},
    "types": {"detailed": "verifyAttr", "semantic": "attr", "structural": "verify"},
}  # fmt: skip


def made(source, write, value, **options):
    return list(source(write("val.json", json.dumps(value)), kind="gqa", **options).annotations())


def test_a_question_is_an_annotation_with_its_own_id(source, write):
    assert made(source, write, {"02930152": QUESTION}) == [
        Annotation(
            id="gqa#02930152",
            task="vqa",
            source="gqa",
            type="verify",
            text="Is the sky dark?",
            answers=(ScoredAnswer(text="yes"),),
            media=("2354786.jpg",),
        )
    ]


@pytest.mark.parametrize(("types", "found"), [("semantic", "attr"), ("detailed", "verifyAttr")])
def test_another_of_its_types_may_be_the_annotations(source, write, types, found):
    [one] = made(source, write, {"1": QUESTION}, types=types)
    assert one.type == found


def test_test_questions_have_no_answers_and_bad_ones_are_dropped(source, write):
    test = {"imageId": "n161313", "question": "What is it?", "isBalanced": True}
    one, *dropped = made(
        source, write, {"1": test, "2": [], "3": {**test, "imageId": None}, "4": {**test, "answer": ["a"]}}
    )
    assert (one.answers, one.type, one.media) == ((), "", ("n161313.jpg",))
    assert dropped == [
        Dropped("val#2", "bad row", "list, no object"),
        Dropped("val#3", "bad row", "it has no 'imageId'"),
        Dropped("val#4", "bad row", "a list, where a text should be"),
    ]


def test_a_list_is_no_file_of_questions(source, write):
    with pytest.raises(MultigraftError, match=r"val.json: it is no object with keys"):
        made(source, write, [QUESTION])


def test_an_answer_that_is_no_text_is_dropped_alone(source, write):
    broken, well = made(source, write, {"1": {**QUESTION, "answer": "\ud800"}, "2": QUESTION})
    assert (broken.row, broken.reason, well.id) == ("val#1", "bad row", "gqa#2")


@pytest.mark.parametrize("kind", ["gqa", "vqav2", "coco-captions", "coco", "llava", "nlvr2"])
def test_a_folder_is_no_file(source, tmp_path, kind):
    with pytest.raises(OptionError, match="is a folder"):
        source(tmp_path, kind=kind)
