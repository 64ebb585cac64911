import json
import os

import pytest

from multigraft.core.data.index import index_path
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

RECIPE = """\
trunk: {backbone: sapling}
tasks:
  vqa: {kind: visual-question-answering, data: [a-000000.tar]}
"""


@pytest.fixture
def shard(tmp_path, picture_file):
    """Four pictures with a question each, and a manifest beside them."""
    with ShardWriter(tmp_path, "a") as writer:
        for number in range(4):
            answers = [{"text": "red"}]
            note = Annotation(id=f"q{number}", task="vqa", text="which colour?", answers=answers, media=("png",))
            record = Record(id=f"k{number}", source="made", annotations=(note,))
            writer.write(f"k{number}", record, {"png": picture_file((10 * number, 0, 0))})
    return tmp_path / "a-000000.tar"


@pytest.fixture
def told(run):
    """Exit code, facts, and reasons with their counts and first findings."""

    def call(*arguments):
        result = run("data", "verify", *arguments, "--json")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        found = json.loads(result.stdout)
        return result.exit_code, found, {row["reason"]: (row["count"], row["first"]) for row in found["findings"]}

    return call


def overwrite(shard, place, data):
    """Other bytes at a place, under the same time, as a failing disk would have it."""
    status = shard.stat()
    with shard.open("r+b") as file:
        file.seek(place)
        file.write(data)
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_sound_shards_are_told_with_what_was_looked_at(shard, told, run, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    code, found, reasons = told(shard.parent, "--decode", "--recipe", "recipe.yaml")
    assert (code, reasons) == (0, {})
    names = ("named_by_manifests", "shards", "samples", "annotations", "indices", "without_index", "decoded")
    assert [found[name] for name in names] == [1, 1, 4, 4, 1, 0, 4]
    assert found["asked"] == {"vqa": 4}
    shown = run("data", "verify", shard).stdout
    assert "held against manifests: 1 files; against their indices: 1 shards" in shown
    assert "nothing wrong was found" in shown


def test_nothing_is_written(shard, told):
    index_path(shard).unlink()
    before = sorted(os.listdir(shard.parent))
    code, found, _ = told(shard)
    assert (code, found["without_index"], found["indices"]) == (0, 1, 0)
    assert sorted(os.listdir(shard.parent)) == before


def test_a_changed_byte_is_found_by_manifest_and_index(shard, told):
    place = shard.read_bytes().rindex(b"IEND")
    overwrite(shard, place, b"IENX")
    code, _, reasons = told(shard)
    assert code == 1
    assert set(reasons) == {"other sha256", "wrong crc"}
    count, first = reasons["wrong crc"]
    assert (count, first["key"], first["detail"]) == (1, "k3", "png differs from the shard's index")


def test_a_cut_shard_has_another_size_and_no_end(shard, told):
    shard.write_bytes(shard.read_bytes()[:-9_000])
    code, _, reasons = told(shard.parent)
    assert code == 1
    assert set(reasons) == {"other size", "cut tar", "index of another shard"}


def test_a_shard_that_is_away_is_missed_in_its_folder(shard, told):
    (shard.parent / "b.tar").write_bytes(shard.read_bytes())
    shard.unlink()
    code, _, reasons = told(shard.parent)
    assert (code, list(reasons)) == (1, ["missing file"])
    assert reasons["missing file"][1]["file"].endswith("a-000000.tar")
    assert told(shard.parent / "b.tar")[0] == 0


def test_a_damaged_index_and_a_damaged_manifest_are_told(shard, told):
    index_path(shard).write_bytes(index_path(shard).read_bytes()[:-3] + b"???")
    (shard.parent / "manifest.json").write_text('{"shards": {"a-000000.tar": 3}}')
    code, _, reasons = told(shard.parent)
    assert (code, set(reasons)) == (1, {"damaged index", "damaged manifest"})


def test_what_is_no_shard_is_told(tmp_path, told):
    (tmp_path / "page.tar").write_text("<html>404 not found</html>")
    code, _, reasons = told(tmp_path)
    assert (code, list(reasons)) == (1, ["no shard"])
    assert "web page" in reasons["no shard"][1]["detail"]


def test_decoding_finds_pictures_that_are_none(tmp_path, told, picture_file):
    whole = picture_file((1, 2, 3), form="JPEG", size=(300, 200))
    with ShardWriter(tmp_path, "a") as writer:
        for key, field, data in (
            ("good", "jpg", whole), ("cut", "jpg", whole[:500]), ("empty", "png", b""), ("other", "exe", b"MZ"),
        ):  # fmt: skip
            note = Annotation(id=key, task="vqa", text="what?", media=(field,))
            writer.write(key, Record(id=key, annotations=(note,)), {field: data})
    assert told(tmp_path)[0] == 0
    code, found, reasons = told(tmp_path, "--decode")
    assert (code, found["decoded"]) == (1, 1)
    assert {reason: (count, first["key"]) for reason, (count, first) in reasons.items()} == {
        "empty file": (1, "empty"), "no input reads it": (1, "other"), "truncated image": (1, "cut"),
    }  # fmt: skip


def test_a_stretch_of_a_clip_beyond_its_end_is_told(tmp_path, told, clip_file):
    with ShardWriter(tmp_path, "a") as writer:
        for key, span in (("inside", (0.0, 0.5)), ("beyond", (7.0, 8.0))):
            note = Annotation(id=key, task="video-question", text="what?", media=("mp4",), span=span)
            writer.write(key, Record(id=key, annotations=(note,)), {"mp4": clip_file()})
    code, found, reasons = told(tmp_path, "--decode")
    assert (code, found["decoded"]) == (1, 1)
    [(count, first)] = reasons.values()
    assert (count, first["key"]) == (1, "beyond")


def test_annotations_that_a_recipe_s_task_cannot_use_are_told(tmp_path, told):
    with ShardWriter(tmp_path, "a") as writer:
        for key, task, text in (("good", "vqa", "what?"), ("bare", "vqa", ""), ("else", "captions", "what?")):
            note = Annotation(id=f"{key}-q", task=task, text=text, answers=(ScoredAnswer(text="red"),))
            writer.write(key, Record(id=key, annotations=(note,)), {})
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    code, found, reasons = told("a-000000.tar", "--recipe", "recipe.yaml")
    assert (code, found["asked"], found["of_no_task"]) == (1, {"vqa": 1}, 1)
    [(reason, (count, first))] = reasons.items()
    assert (reason, count, first["key"], first["annotation"]) == ("missing field", 1, "bare", "bare-q")
    assert first["detail"].startswith("task vqa: ")


def test_what_a_manifest_names_outside_of_its_folder_is_not_read(shard, told):
    os.mkfifo(shard.parent / "pipe")
    (shard.parent / "folder").mkdir()
    names = ["/dev/zero", "../../etc/passwd", "folder/../../x", "pipe", "folder", "a\0b", "\ud800"]
    (shard.parent / "manifest.json").write_text(
        json.dumps({"shards": {name: {"bytes": 0, "sha256": "0"} for name in names}})
    )
    code, _, reasons = told(shard.parent)
    assert code == 1
    assert {reason: count for reason, (count, _) in reasons.items()} == {
        "file outside": 3, "no regular file": 2, "missing file": 2,
    }  # fmt: skip
    assert reasons["file outside"][1]["detail"].startswith("/dev/zero: what lies outside")


def test_a_file_that_is_not_there_is_told_and_the_others_are_verified(shard, run):
    result = run("data", "verify", shard.parent / "none.tar", shard)
    assert result.exit_code == 1
    assert "none.tar: No such file" in result.stderr
    assert "1 files, " in result.stdout
    assert "nothing wrong" not in result.stdout
