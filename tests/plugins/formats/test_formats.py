"""Answers in the forms of leaderboards, with the ids that the sets themselves have."""

import json

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.registry.registry import load_registry
from multigraft.core.types.prediction import Prediction


@pytest.fixture(scope="module")
def text():
    """What a form makes of predictions."""
    registry = load_registry()

    def make(form, *predictions):
        options = registry.options("answer_formats", form).model_validate({"kind": form})
        return registry.build("answer_formats", options).text(predictions)

    return make


def said(name, output, *choices):
    return Prediction(name, output, (), choices=choices)


def test_vqa(text):
    assert json.loads(text("vqa", said("vqav2#262148000", "down"), said("vqav2#42", "at table"))) == [
        {"question_id": 262148000, "answer": "down"}, {"question_id": 42, "answer": "at table"},
    ]  # fmt: skip


def test_gqa(text):
    assert json.loads(text("gqa", said("gqa#02930152", "yes"))) == [{"questionId": "02930152", "prediction": "yes"}]


def test_nlvr2(text):
    assert text("nlvr2", said("nlvr2#test1-0-1-0", "true"), said("nlvr2#test1-0-1-1", "false")) == (
        "test1-0-1-0,True\ntest1-0-1-1,False\n"
    )


def test_coco_captions(text):
    assert json.loads(text("coco-captions", said("coco-captions#318219", "a boy"))) == [
        {"image_id": 318219, "caption": "a boy"}
    ]


def test_value_has_numbers_of_choices_or_captions_of_clips(text):
    questions = [said("tvqa#122039", "a bus", "a car", "a bus", "a bus"), said("tvqa#7", "a car", "a car", "none")]
    assert json.loads(text("value", *questions)) == {"122039": 1, "7": 0}
    captions = text("value", said("tvc#86603", "he sits"), said("tvc#9", "é"))
    assert [json.loads(line) for line in captions.splitlines()] == [
        {"clip_id": 86603, "descs": [{"desc": "he sits"}]}, {"clip_id": 9, "descs": [{"desc": "é"}]},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "rows", "told"),
    [
        ("vqa", [said("questions#a.0", "x")], r"the id 'questions#a.0' ends in no number"),
        ("coco-captions", [said("coco-captions#1.5", "x")], r"ends in no number.*an annotation for each picture"),
        ("coco-captions", [said("a#1", "x"), said("b#1", "y")], "'a#1' and 'b#1' are both 1 to this leaderboard"),
        ("vqa", [said("vqav2#1", "x"), said("vqav2#01", "y")], "are both 1 to"),
        ("gqa", [said("gqa#1", "x"), said("gqa#1", "y")], "are both 1 to"),
        ("nlvr2", [said("nlvr2#dev-1-0-0", "true"), said("nlvr2#dev-1-0-0", "true")], "are both dev-1-0-0 to"),
        ("nlvr2", [said("nlvr2#7", "true")], "'nlvr2#7' ends in no name such as"),
        ("gqa", [said("gqa#first", "x")], "'gqa#first' ends in no name such as"),
        ("value", [said("tvqa#1", "a", "a", "b"), said("tvqa#1", "b", "a", "b")], "are both 1 to"),
        ("value", [said("tvc#1", "a"), said("tvc#1", "b")], "are both 1 to"),
        ("value", [said("tvqa#1", "c", "a", "b")], "the output 'c' is none of its choices; `evaluator: choices`"),
        ("nlvr2", [said("nlvr2#dev-1-0-0", "maybe")], "'maybe' is neither `true` nor `false`"),
    ],
)
def test_what_a_leaderboard_could_not_read_is_an_error(text, form, rows, told):
    with pytest.raises(MultigraftError, match=told):
        text(form, *rows)
