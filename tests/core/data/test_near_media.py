"""What is said of a medium that is not there: which files of nearly its name are."""

import os
from unicodedata import normalize

import pytest

from multigraft.core.data import near_media
from multigraft.core.data.media_store import MediaStore
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import BadSample


@pytest.fixture
def images(tmp_path):
    """A folder of some pictures."""
    names = ("a.JPG", "deep/b.jpg", "c.png", "c.json", "v1.2.png", normalize("NFD", "é.jpg"))
    for name in names:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(b"x")
    return tmp_path / "images"


def told(store, name):
    """What is said behind the name."""
    with pytest.raises(BadSample) as error:
        store.check(name)
    assert error.value.reason == "missing medium"
    return error.value.detail.removeprefix(name)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "; there is 'a.JPG'"),
        ("Deep/B.jpg", "; there is 'deep/b.jpg'"),
        ("deep\\b.jpg", "; there is 'deep/b.jpg'"),
        ("images/deep/b.jpg", "; there is 'deep/b.jpg'"),
        ("data\\Images\\a.jpg", "; there is 'a.JPG'"),
        ("v1.2", "; there is 'v1.2.png'"),
        ("deep/b", "; there is 'deep/b.jpg'"),
        ("c.jpg", "; there are 'c.json', 'c.png'"),
        ("C.png", "; there is 'c.png'"),
        ("é.jpg", f"; there is {normalize('NFD', 'é.jpg')!r}, with its accents in the form NFD"),
        (" a.JPG", "; there is 'a.JPG', without white space around it"),
        ("deep/b.jpg ", "; there is 'deep/b.jpg', without white space around it"),
        ("d.jpg", ""),
        ("b.jpg", ""),
        ("DEEP", ""),
        ("deep/../a.jpg", ""),
        ("images", ""),
    ],
)
def test_files_of_nearly_its_name_are_told(images, name, found):
    assert told(MediaStore.of([images]), name) == found


def test_each_folder_is_asked(images, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "d.png").write_bytes(b"x")
    assert told(MediaStore.of([images, tmp_path / "more"]), "d.jpg") == "; there is 'd.png'"


def test_names_in_tars_are_told_with_their_fields(images, tmp_path):
    with ShardWriter(tmp_path, "clips") as writer:
        writer.write("one", None, {"png": b"one"})
        writer.write("é", None, {"jpg": b"two", "txt": b"of it"})
    store = MediaStore.of([tmp_path / "clips-000000.tar"])
    assert told(store, "one.jpg") == "; there is 'one.png'"
    assert told(store, "one") == "; there is 'one.png'"
    assert told(store, normalize("NFD", "é.jpg")) == "; there is 'é.jpg', with its accents in the form NFC"
    assert told(store, "two.png") == ""


def test_a_folder_is_listed_once_and_few_names_are_looked_at_in_all(images, monkeypatch):
    listed = []
    real = os.scandir
    monkeypatch.setattr(near_media.os, "scandir", lambda path: listed.append(path) or real(path))
    store = MediaStore.of([images])
    assert all(told(store, f"{number}.jpg") == "" for number in range(50))
    assert len(listed) == 1
    (images / "deep" / "deeper").mkdir()
    store = MediaStore.of([images])
    assert all(told(store, f"deep/deeper/{number}.jpg") == "" for number in range(50))
    assert len(listed) == 1 + 3
    monkeypatch.setattr(near_media, "_MOST", 3)
    assert told(MediaStore.of([images]), "a.jpg") == ""
    monkeypatch.setattr(near_media, "_MOST", 100)
    monkeypatch.setattr(near_media, "_LARGEST", 3)
    assert told(MediaStore.of([images]), "a.jpg") == ""
