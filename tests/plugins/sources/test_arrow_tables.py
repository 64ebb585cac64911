"""Parquet, Arrow, and folders of Hugging Face data sets, media in them included."""

import json
import struct

import pyarrow as pa
import pyarrow.parquet
import pytest

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.source import Dropped

ROWS = [
    {"question": "which?", "answers": ["red", "rot"], "box": {"file": "1.jpg"}, "label": 1},
    {"question": None, "answers": None, "box": None, "label": -1},
]
MAP = {"question": "text", "answers": "answers", "box.file": "media", "label": "type"}


def features(**columns):
    return {b"huggingface": json.dumps({"info": {"features": columns}}).encode()}


@pytest.fixture
def table():
    label = {"names": ["cold", "warm"], "_type": "ClassLabel"}
    return pa.Table.from_pylist(ROWS).replace_schema_metadata(features(label=label))


def write_stream(path, table, rows=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def write_file(path, table):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    return path


def write_parquet(path, table, rows=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(table, path, row_group_size=rows)
    return path


@pytest.mark.parametrize("write_as", [write_parquet, write_stream, write_file])
def test_every_form_gives_the_same_annotations(source, tmp_path, table, write_as):
    first, second = source(write_as(tmp_path / "rows", table), map=MAP).annotations()
    assert (first.id, first.text, first.media, first.type) == ("rows#0", "which?", ("1.jpg",), "warm")
    assert [answer.text for answer in first.answers] == ["red", "rot"]
    assert (second.id, second.text, second.answers, second.type) == ("rows#1", "", (), "")


def pictures(picture_file):
    """A column as `datasets` writes its `Image`: bytes, or a path, or neither."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [
        {"bytes": picture_file("red"), "path": "red.png"},
        {"bytes": picture_file("blue", form="JPEG"), "path": None},
        {"bytes": None, "path": "elsewhere.jpg"},
    ]
    pairs = [[cells[0], cells[1]], [cells[1]], []]
    plain = [cell["bytes"] for cell in cells]
    columns = {
        "image": pa.array(cells, image), "pair": pa.array(pairs, pa.list_(image)),
        "plain": pa.array(plain, pa.binary()), "text": pa.array(["a", "b", "c"]),
    }  # fmt: skip
    return cells, pa.table(columns)


@pytest.mark.parametrize("write_as", [write_parquet, write_stream, write_file])
def test_media_in_cells_have_names_and_are_read_by_them(source, tmp_path, picture_file, write_as):
    cells, table = pictures(picture_file)
    made = source(write_as(tmp_path / "rows", table), map={"image": "media", "text": "text"})
    names = [each.media for each in made.annotations()]
    assert names == [("0#0/image.png",), ("0#1/image.jpg",), ("elsewhere.jpg",)]
    assert [made.embedded.read(names[number][0]) for number in (1, 0)] == [cells[1]["bytes"], cells[0]["bytes"]]
    assert made.embedded.has("0#0/image.png")
    for name in ("elsewhere.jpg", "0#7/image.png", "0#0/none.png", "1#0/image.png", "0#2/image.png"):
        assert not made.embedded.has(name)


def test_lists_of_media_and_plain_bytes_are_media_too(source, tmp_path, picture_file):
    cells, table = pictures(picture_file)
    made = source(write_parquet(tmp_path / "rows.parquet", table, rows=3), map={"pair": "media", "plain": "media"})
    first, second, third = made.annotations()
    assert first.media == ("0#0/pair.0.png", "0#0/pair.1.jpg", "0#0/plain.png")
    assert made.embedded.read("0#0/pair.1.jpg") == cells[1]["bytes"]
    assert made.embedded.read("0#1/plain.jpg") == cells[1]["bytes"]
    assert (second.media, third.media) == (("0#1/pair.0.jpg", "0#1/plain.jpg"), ())


@pytest.fixture
def saved(tmp_path, table):
    """What `DatasetDict.save_to_disk` leaves: two splits, one of two files."""
    folder = tmp_path / "saved"
    for split, names in (("train", ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]), ("test", ["d.arrow"])):
        for name in names:
            write_stream(folder / split / name, table)
        state = {"_data_files": [{"filename": name} for name in names], "_split": split}
        (folder / split / "state.json").write_text(json.dumps(state))
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    return folder


def test_a_saved_data_set_is_read_by_its_split(source, saved):
    made = source(saved, split="train", map=MAP)
    assert [path.relative_to(saved).as_posix() for path in made.files] == [
        "train/data-00000-of-00002.arrow", "train/data-00001-of-00002.arrow",
    ]  # fmt: skip
    assert [each.id for each in made.annotations()][1:3] == ["data-00000-of-00002#1", "data-00001-of-00002#0"]
    assert len(list(source(saved / "test", map=MAP).annotations())) == 2


def test_a_split_is_named_where_there_are_several(source, saved):
    with pytest.raises(OptionError, match="say which split: test, train"):
        source(saved)
    with pytest.raises(OptionError, match="no split 'trian'; did you mean 'train'"):
        source(saved, split="trian")
    with pytest.raises(OptionError, match="test is one split alone; leave it out"):
        source(saved / "test", split="test")


def test_a_saved_data_set_names_only_its_own_files(source, saved):
    (saved / "test" / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../train/d.arrow"}]}))
    with pytest.raises(MultigraftError, match=r"names '\.\./train/d\.arrow', which is no file of this folder"):
        source(saved, split="test")
    (saved / "train" / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(MultigraftError, match=r"lacks data-00001-of-00002\.arrow"):
        source(saved, split="train")


def test_a_folder_of_parquet_files_is_read_by_its_split(source, tmp_path, table):
    for name in ("train-00000-of-00002.parquet", "train-00001-of-00002.parquet", "test-00000-of-00001.parquet"):
        write_parquet(tmp_path / "set" / "data" / name, table)
    made = source(tmp_path / "set", split="test", map=MAP)
    assert [path.name for path in made.files] == ["test-00000-of-00001.parquet"]
    assert [path.name[:11] for path in source(tmp_path / "set", split="train").files] == ["train-00000", "train-00001"]
    with pytest.raises(OptionError, match="say which split: test, train"):
        source(tmp_path / "set")


def test_a_folder_that_is_no_data_set_says_so(source, tmp_path):
    with pytest.raises(MultigraftError, match="holds neither"):
        source(tmp_path)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow"])
def test_a_damaged_file_is_an_error_not_a_crash(source, tmp_path, table, name):
    path = tmp_path / name
    (write_parquet if name.endswith("parquet") else write_stream)(path, table)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MultigraftError, match=f"{name}: it cannot be read as Parquet or Arrow"):
        [each for each in source(path, map=MAP).annotations() if isinstance(each, Dropped)]


def strings(*offsets, data=b"abcd"):
    """Texts of which pyarrow is told where they lie, right or wrong."""
    places = pa.py_buffer(struct.pack(f"<{len(offsets)}i", *offsets))
    return pa.StringArray.from_buffers(len(offsets) - 1, places, pa.py_buffer(data))


@pytest.mark.parametrize("write_as", [write_stream, write_file])
@pytest.mark.parametrize("texts", [strings(0, 3, 1), strings(0, 9, 4), strings(0, 2, 4, data=b"ab\xff\xfe")])
def test_texts_that_lie_nowhere_or_are_none_are_damage(source, tmp_path, write_as, texts):
    path = write_as(tmp_path / "rows", pa.table({"text": texts}))
    with pytest.raises(MultigraftError, match="it cannot be read as Parquet or Arrow"):
        list(source(path).annotations())


@pytest.mark.parametrize("write_as", [write_parquet, write_stream, write_file])
def test_a_date_that_python_does_not_have_is_damage(source, tmp_path, write_as):
    path = write_as(tmp_path / "rows", pa.table({"text": ["a"], "day": pa.array([1 << 50], pa.timestamp("ms"))}))
    with pytest.raises(MultigraftError, match="it cannot be read as Parquet or Arrow"):
        list(source(path).annotations())


def test_a_misspelt_column_is_told(source, tmp_path, table):
    with pytest.raises(OptionError, match=r"no column 'box\.fiel'; did you mean 'box\.file'"):
        list(source(write_parquet(tmp_path / "rows.parquet", table), map={"box.fiel": "media"}).annotations())


def test_damage_within_a_file_is_an_error_when_it_is_reached(source, tmp_path):
    table = pa.table({"text": [f"{number} {'x' * 50}" for number in range(100)]})
    path = write_parquet(tmp_path / "rows.parquet", table, rows=50)
    data = bytearray(path.read_bytes())
    data[200:1000] = bytes(800)
    path.write_bytes(data)
    with pytest.raises(MultigraftError, match=r"rows\.parquet: it cannot be read as Parquet or Arrow"):
        list(source(path).annotations())
