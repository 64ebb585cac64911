"""Captions in the form of Karpathy's dataset_coco.json."""

import json

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation


def picture(number, split, *captions, **changes):
    sentences = [
        {"tokens": text.split(), "raw": text, "imgid": number - 1, "sentid": 10 * number + place}
        for place, text in enumerate(captions)
    ]
    return {
        "filepath": "val2014", "sentids": [each["sentid"] for each in sentences], "imgid": number - 1, "split": split,
        "filename": f"COCO_val2014_{number:012}.jpg", "sentences": sentences, "cocoid": number, **changes,
    }  # fmt: skip


PICTURES = [
    picture(522418, "restval", "A woman cutting a cake.\n", "A cake."),
    picture(318219, "test", "A boy with headphones.", "He listens.", "Two.", "Three.", "Four."),
    picture(554625, "train", "A boy at a desk."),
]


def made(source, write, images, **options):
    path = write("dataset_coco.json", json.dumps({"images": images, "dataset": "coco"}))
    return list(source(path, kind="coco-captions", **options).annotations())


def test_all_captions_of_a_picture_are_its_references(source, write):
    assert made(source, write, PICTURES, split="test") == [
        Annotation(
            id="coco-captions#318219",
            task="vqa",
            source="coco-captions",
            references=("A boy with headphones.", "He listens.", "Two.", "Three.", "Four."),
            media=("COCO_val2014_000000318219.jpg",),
        )
    ]


def test_training_has_an_annotation_for_each_caption_of_train_and_restval(source, write):
    found = made(source, write, PICTURES, per="caption")
    assert [(each.id, each.references) for each in found] == [
        ("coco-captions#522418.5224180", ("A woman cutting a cake.",)),
        ("coco-captions#522418.5224181", ("A cake.",)),
        ("coco-captions#554625.5546250", ("A boy at a desk.",)),
    ]


def test_no_picture_is_in_two_splits(source, write):
    names = [{each.media[0] for each in made(source, write, PICTURES, split=name)} for name in ("restval", "train")]
    assert names[0] & names[1] == set()
    both = {each.media[0] for each in made(source, write, PICTURES)}
    assert names[0] | names[1] == both


def test_flickrs_pictures_have_numbers_of_karpathys_own(source, write):
    flickr = picture(1, "val", "A dog.", filename="1000092795.jpg")
    del flickr["cocoid"]
    [one] = made(source, write, [flickr], split="val")
    assert (one.id, one.media) == ("coco-captions#0", ("1000092795.jpg",))


def test_bad_pictures_are_dropped(source, write):
    images = [picture(1, "val"), picture(2, "val", " "), picture(3, "val", "A.", filename=None), 4, {"split": "val"}]
    assert made(source, write, images, split="val") == [
        Dropped("dataset_coco#0", "no annotation", "nothing is said about COCO_val2014_000000000001.jpg"),
        Dropped("dataset_coco#1", "bad row", "its 'raw' is empty"),
        Dropped("dataset_coco#2", "bad row", "it has no 'filename'"),
        Dropped("dataset_coco#3", "bad row", "it is no object"),
        Dropped("dataset_coco#4", "bad row", "it has no 'imgid'"),
    ]


def test_a_file_of_another_form_is_an_error(source, write):
    with pytest.raises(MultigraftError, match="it has no list `images`"):
        made(source, write, [])


def test_a_split_that_is_no_text_is_none_of_those_wanted(source, write):
    found = made(source, write, [picture(1, ["train"], "A cat."), picture(2, "train", "A dog.")])
    assert [each.id for each in found] == ["coco-captions#2"]
