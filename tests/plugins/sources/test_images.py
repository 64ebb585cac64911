"""A folder with a folder of pictures for each class."""

import os

import pytest

from multigraft.core.errors import OptionError
from multigraft.core.interfaces.source import Dropped

FILES = ("cat/b.jpg", "cat/deep/a.PNG", "dog/c.jpg", "dog/.DS_Store", "README.txt")


@pytest.fixture
def folder(write, tmp_path):
    for name in FILES:
        write(f"pictures/{name}", "x")
    return tmp_path / "pictures"


def test_the_folder_is_the_answer(source, folder):
    found = list(source(folder, kind="images", question="what is it?").annotations())
    assert found[0] == Dropped("README.txt", "no class", "it lies in no folder of the given one")
    assert [(one.id, one.media[0], one.answers[0].text, one.text) for one in found[1:]] == [
        ("cat/b.jpg", "cat/b.jpg", "cat", "what is it?"),
        ("cat/deep/a.PNG", "cat/deep/a.PNG", "cat", "what is it?"),
        ("dog/c.jpg", "dog/c.jpg", "dog", "what is it?"),
    ]


def test_a_class_whose_name_is_no_text_is_a_bad_row(source, folder):
    strange = os.fsencode(folder) + b"/\xff"
    os.mkdir(strange)
    with open(strange + b"/d.jpg", "wb"):
        pass
    last = list(source(folder, kind="images").annotations())[-1]
    assert (last.row, last.reason) == (ascii("\udcff/d.jpg"), "bad row")


def test_classes_may_be_called_otherwise(source, folder):
    found = list(source(folder, kind="images", names={"cat": "a cat"}).annotations())
    assert [one.answers[0].text for one in found[1:]] == ["a cat", "a cat", "dog"]
    with pytest.raises(OptionError, match="there is no folder 'dogs'; did you mean 'dog'"):
        source(folder, kind="images", names={"dogs": "a dog"})


def test_media_lie_in_the_folder_itself(source, folder):
    assert source(folder, kind="images").media == (folder,)


def test_it_is_one_folder(source, folder):
    for files in ([folder, folder], [folder / "README.txt"]):
        with pytest.raises(OptionError, match="give one folder"):
            source(*files, kind="images")


@pytest.mark.parametrize("below", ["", "train/"])
def test_pictures_with_metadata_are_no_classes(source, write, tmp_path, below):
    write(f"set/{below}a.jpg", "x")
    table = write(f"set/{below}metadata.csv", "file_name,text\na.jpg,what?\n")
    with pytest.raises(OptionError) as error:
        source(tmp_path / "set", kind="images")
    assert str(error.value) == (
        f"{tmp_path}/set has no folders of classes; it has pictures with metadata: give {table}, with `map`, such as "
        "--map file_name=media,COLUMN=FIELD; which --kind table reads"
    )


def test_classes_beside_metadata_are_read(source, write, folder):
    write("pictures/metadata.csv", "file_name\ncat/b.jpg\n")
    found = list(source(folder, kind="images").annotations())
    assert [one.id for one in found if not isinstance(one, Dropped)] == ["cat/b.jpg", "cat/deep/a.PNG", "dog/c.jpg"]
