"""Tars of img2dataset and video2dataset, read as they are."""

import io
import json
import tarfile

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.interfaces.source import Dropped
from multigraft.core.types.annotation import Annotation


def about(key, caption, **changes):
    return json.dumps({
        "caption": caption, "url": f"https://example.org/{key}.jpg", "key": key, "status": "success",
        "error_message": None, "width": 256, "height": 256, "original_width": 640, "original_height": 480, **changes,
    }, indent=4).encode()  # fmt: skip


@pytest.fixture
def shard(tmp_path):
    """Write a tar of files by name; its path."""

    def write(name="00000.tar", **files):
        with tarfile.open(tmp_path / name, "w") as tar:
            for member, data in files.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return tmp_path / name

    return write


def test_a_caption_is_the_reference_of_its_picture(source, shard):
    path = shard(**{
        "000000000.jpg": b"1", "000000000.json": about("000000000", "A red bus.\n"), "000000000.txt": b"A red bus.",
        "000000001.json": about("000000001", "A clip."), "000000001.mp4": b"2", "000000001.m4a": b"3",
        "000000002.webp": b"4", "000000002.txt": "Une fenêtre".encode(),
    })  # fmt: skip
    found = list(source(path, kind="image-text-shards").annotations())
    assert found[0] == Annotation(
        id="00000#000000000", task="vqa", references=("A red bus.",), media=("000000000.jpg",)
    )
    assert [(each.id, each.references, each.media) for each in found[1:]] == [
        ("00000#000000001", ("A clip.",), ("000000001.mp4",)),
        ("00000#000000002", ("Une fenêtre",), ("000000002.webp",)),
    ]


def test_samples_without_a_caption_a_medium_or_success_are_dropped(source, shard):
    failed = about("2", "A.", status="failed_to_download", error_message="timed out")
    path = shard(**{
        "0.jpg": b"1", "0.json": about("0", None), "1.txt": b"A.", "1.npy": b"1", "2.jpg": b"1", "2.json": failed,
        "3.jpg": b"1", "3.json": b"[1]", "4.jpg": b"1", "4.txt": b" ",
    })  # fmt: skip
    assert list(source(path, kind="image-text-shards").annotations()) == [
        Dropped("00000#0", "no caption", "neither its json nor its txt has one"),
        Dropped("00000#1", "no medium", "of jpg, png, webp, mp4; it has npy"),
        Dropped("00000#2", "not downloaded", "failed_to_download: timed out"),
        Dropped("00000#3", "bad row", "its json is no object"),
        Dropped("00000#4", "no caption", "neither its json nor its txt has one"),
    ]


def test_folders_give_their_tars_and_what_is_no_tar_is_an_error(source, shard, tmp_path):
    for name in ("00001.tar", "00000.tar"):
        shard(name, **{f"{name[:5]}0.jpg": b"1", f"{name[:5]}0.txt": b"A."})
    made = source(tmp_path, kind="image-text-shards")
    assert [each.id for each in made.annotations()] == ["00000#000000", "00001#000010"]
    assert made.media == (tmp_path / "00000.tar", tmp_path / "00001.tar")
    (tmp_path / "00001.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(MultigraftError, match=r"00001.tar: it cannot be read as a tar"):
        list(made.annotations())
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match=r"empty has no \*.tar in it"):
        source(tmp_path / "empty", kind="image-text-shards")


def test_they_are_packed_with_the_media_in_them(shard, picture_file, tmp_path):
    path = shard(**{
        "000000000.jpg": picture_file("red", form="JPEG"), "000000000.json": about("000000000", "A red square."),
        "000000001.jpg": b"", "000000001.json": about("000000001", "Nothing."),
    })  # fmt: skip
    words = ("data", "pack", path, tmp_path / "out", "--kind", "image-text-shards", "--task", "image-captioning")
    packed = CliRunner().invoke(cli, [*map(str, words), "--bad-limit", "0.5", "--json"])
    assert packed.exit_code == 0, packed.stderr
    assert json.loads(packed.stdout)["counts"]["dropped"] == {"empty file": 1}
    made = open_shard(tmp_path / "out" / "train-000000.tar")
    assert made.annotation(0).references == ("A red square.",)
    assert made.read(0, "jpg") == picture_file("red", form="JPEG")
