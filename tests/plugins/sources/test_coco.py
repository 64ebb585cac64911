"""Files in the form of COCO's captions and instances."""

import json

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.source import Dropped

IMAGES = [{"id": 9, "file_name": "000000000009.jpg", "width": 640}, {"id": 25, "file_name": "000000000025.jpg"}]


def made(source, write, value, **options):
    return list(source(write("val2017.json", json.dumps(value)), kind="coco", **options).annotations())


def test_captions_are_references_and_answers_of_their_picture(source, write):
    captions = [
        {"id": 1, "image_id": 25, "caption": "A giraffe."},
        {"id": 2, "image_id": 9, "caption": "Food in a box.\n"},
        {"id": 3, "image_id": 9, "caption": "A lunch."},
    ]
    food, giraffe = made(source, write, {"images": IMAGES, "annotations": captions})
    assert (food.id, food.media, food.text) == ("val2017#9", ("000000000009.jpg",), "")
    assert food.references == ("Food in a box.", "A lunch.")
    assert [answer.text for answer in food.answers] == ["Food in a box.", "A lunch."]
    assert giraffe.references == ("A giraffe.",)


def test_a_blank_caption_is_dropped(source, write):
    captions = [{"id": 1, "image_id": 25, "caption": " "}, {"id": 2, "image_id": 25, "caption": "A giraffe."}]
    found = made(source, write, {"images": IMAGES[1:], "annotations": captions})
    assert Dropped("val2017#annotations.0", "bad row", "its caption is blank") in found
    assert [each.references for each in found if not isinstance(each, Dropped)] == [("A giraffe.",)]


def test_objects_are_answers_each_once(source, write):
    value = {
        "images": IMAGES[:1],
        "annotations": [{"id": number, "image_id": 9, "category_id": each} for number, each in enumerate([51, 1, 51])],
        "categories": [{"id": 1, "name": "person"}, {"id": 51, "name": "bowl"}],
    }
    [one] = made(source, write, value, question="what is there?")
    assert (one.text, [answer.text for answer in one.answers], one.references) == (
        "what is there?", ["bowl", "person"], (),
    )  # fmt: skip


def test_what_has_no_picture_no_name_or_no_annotation_is_dropped(source, write):
    value = {"images": IMAGES, "annotations": [
        {"id": 1, "image_id": 7, "caption": "Lost."}, {"id": 2, "image_id": 9, "category_id": 3},
        {"id": 3, "image_id": 9, "caption": "Food."}, {"id": 4, "image_id": [9], "caption": "Food."},
        {"id": 5, "image_id": 9, "category_id": {}},
    ]}  # fmt: skip
    lost, unnamed, listed, nested, food, bare = made(source, write, value)
    assert listed == Dropped("val2017#annotations.3", "bad row", "it is about image [9], which is not in `images`")
    assert nested == Dropped("val2017#annotations.4", "bad row", "no caption, and no category {} in `categories`")
    assert lost == Dropped("val2017#annotations.0", "bad row", "it is about image 7, which is not in `images`")
    assert unnamed == Dropped("val2017#annotations.1", "bad row", "no caption, and no category 3 in `categories`")
    assert food.references == ("Food.",)
    assert bare == Dropped("val2017#25", "no annotation", "nothing is said about 000000000025.jpg")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "it has no 'images'"),
        ({"images": [], "annotation": []}, "no key 'annotations'; did you mean 'annotation'"),
        ({"images": ["a.jpg"], "annotations": []}, "'images' holds str, no objects"),
        ({"images": [{"id": [1]}], "annotations": []}, "an `id` is list, no number or text"),
        ({"images": [], "annotations": [], "categories": [{"id": {}}]}, "an `id` is dict, no number or text"),
    ],
)
def test_another_form_is_an_error(source, write, value, told):
    with pytest.raises(MultigraftError, match=told):
        made(source, write, value)
