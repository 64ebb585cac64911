"""The logic of easy-vqa, its split, and statements about its pictures."""

from collections import Counter

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.plugins.quickstart import shape_source
from multigraft.plugins.quickstart.shapes import Shape, oracle_answer, question_type, read_shapes


@pytest.mark.parametrize(
    ("question", "kind", "answer"),
    [
        ("what shape does the image contain?", "shape", "circle"),
        ("what is the red shape?", "shape", "circle"),
        ("what color is the shape?", "colour", "red"),
        ("what is the color of the circle?", "colour", "red"),
        ("is there a circle in the image?", "is-shape", "yes"),
        ("is no circle present?", "is-not-shape", "no"),
        ("does the image contain a blue shape?", "is-colour", "no"),
        ("is there not a blue shape?", "is-not-colour", "yes"),
    ],
)
def test_a_red_circle_answers_every_kind_of_question(question, kind, answer):
    assert question_type(question) == kind
    assert oracle_answer(question, "circle", "red") == answer


def test_shapes_are_read_where_the_questions_leave_one_possibility():
    told = [("what shape is present?", "circle", 7), ("what color is the circle?", "teal", 7)]
    open_colour = [("what shape is present?", "triangle", 8)]

    assert read_shapes(told + open_colour) == {7: Shape("circle", "teal")}


def test_contradicting_answers_are_an_error():
    with pytest.raises(MultigraftError, match="picture 3 contradict"):
        read_shapes([("is there a circle?", "no", 3), ("what shape is present?", "circle", 3)])


def test_the_oracle_agrees_with_every_official_answer_about_known_pictures():
    rows = [
        row for split in ("train", "test") for bundle in shape_source.bundles(split, 300, 0) for row in _known(bundle)
    ]

    assert len(rows) > 4000
    assert all(oracle_answer(text, shape, color) == answer for text, answer, color, shape in rows)


def _known(bundle):
    rows = bundle.record.annotations
    shown = {row.media[0]: row.references[0].split()[1:] for row in rows if row.task == "image-captioning"}
    return [
        (row.text, row.answers[0].text, *shown[row.media[0]])
        for row in rows
        if row.task == "visual-question-answering" and row.media[0] in shown
    ]


def test_splits_share_no_picture_and_together_hold_all():
    train, validation = shape_source.pictures("train", 0), shape_source.pictures("validation", 0)

    assert (len(train), len(validation), len(shape_source.pictures("test", 0))) == (3600, 400, 1000)
    assert not set(train) & set(validation)


def test_claims_hold_of_the_pictures_they_are_made_of():
    pairs = [(Shape("circle", "red"), Shape("circle", "blue")), (Shape("circle", "red"), Shape("triangle", "red"))]
    for first, second in pairs:
        claims = shape_source.shape_claims(first, second)
        assert all(claim.holds(first, second) for claim in claims)
    texts = {claim.text for claim in shape_source.shape_claims(*pairs[0])}
    assert "one picture shows a red circle and the other a blue circle" in texts
    assert "both pictures show the same shape" in texts


def test_statements_are_true_as_often_as_false_for_every_text_and_judged_rightly():
    bundles = list(shape_source.bundles("test", 200, 0))
    counts = Counter()
    for bundle in bundles:
        rows = bundle.record.annotations
        shown = {row.media[0]: row.references[0] for row in rows if row.task == "image-captioning"}
        for row in rows:
            if row.task == "two-image-statements":
                counts[row.text, row.answers[0].text] += 1
                if row.text == "the pictures show different shapes":
                    differ = shown[row.media[0]].split()[2] != shown[row.media[1]].split()[2]
                    assert row.answers[0].text == str(differ).lower()

    assert sum(counts.values()) > 500
    assert all(counts[text, "true"] == counts[text, "false"] for text, _ in counts)
