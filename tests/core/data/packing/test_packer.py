"""What packing makes of annotations and media: samples, counts, a manifest, and a list of what is dropped."""

import hashlib
import json

import pytest

from multigraft.core.data.packing.dropped import TooManyDropped
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.source import Dropped


def samples(folder, name="train-000000.tar"):
    """Key, fields and ids of the annotations of each sample."""
    shard = open_shard(folder / "shards" / name)
    ids = {key: [] for key in shard.index.keys}
    for row in range(len(shard.index.annotations.task)):
        ids[shard.index.key(shard.sample(row))].append(shard.annotation(row).id)
    return [
        (key, shard.index.fields_of(number)[1:], ids[key]) for number, key in enumerate(shard.index.keys)
    ]  # fmt: skip


def test_media_are_stored_once_with_all_that_is_asked_about_them(packed, note, medium, folder):
    for name in ("a.jpg", "b.PNG"):
        medium(name)
    packed([note(0, "a.jpg"), note(1), note(2, "b.PNG", "a.jpg"), note(3, "a.jpg"), note(4, "a.jpg", "b.PNG"), note(5)])
    assert samples(folder) == [
        ("train-00000000", ["jpg"], ["q0", "q3"]),
        ("train-00000001", [], ["q1", "q5"]),
        ("train-00000002", ["0.png", "1.jpg"], ["q2", "q4"]),
    ]
    shard = open_shard(folder / "shards" / "train-000000.tar")
    assert shard.read(2, "0.png") == b"b.PNG"
    assert [shard.annotation(row).media for row in (4, 5)] == [("0.png", "1.jpg"), ("1.jpg", "0.png")]


def test_a_record_has_at_most_a_thousand_annotations(packed, note, folder):
    entry = packed([note(number) for number in range(2500)])
    assert [len(ids) for _, _, ids in samples(folder)] == [1000, 1000, 500]
    assert entry["counts"] == {"rows": 2500, "annotations": 2500, "samples": 3, "duplicates": 0, "dropped": {}}


def test_a_record_of_long_annotations_is_one_that_can_be_read(packed, note, folder):
    packed([note(number, context="x" * 200_000) for number in range(5)])
    assert [ids for _, _, ids in samples(folder)] == [["q0", "q1"], ["q2", "q3"], ["q4"]]


def test_a_source_of_all_annotations_of_a_sample_stands_in_its_record_once(packed, note, medium, folder):
    medium("a.jpg")
    packed([note(0, "a.jpg", source="set"), note(1, "a.jpg", source="set")])
    [record] = [json.loads(open_shard(folder / "shards/train-000000.tar").read(0, "json"))]
    assert record["source"] == "set"
    assert "source" not in record["annotations"][0]


def test_what_cannot_be_used_is_dropped_counted_and_listed(packed, note, medium, folder, lines):
    medium("good.jpg")
    medium("empty.jpg", b"")
    medium("notes.txt")
    (folder / "media" / "folder.jpg").mkdir()
    found = [
        note(0, "good.jpg"), note(1, "none.jpg"), note(2, "empty.jpg"), note(3, "notes.txt"), note(4, "folder.jpg"),
        note(5, "../media/good.jpg"), note(0, "good.jpg"), note(7, "good.jpg", context="x" * 600_000),
        Dropped("t#8", "bad row", "2 cells"), note(9, "good.jpg", "none.jpg"),
    ]  # fmt: skip
    entry = packed(found, bad_limit=1.0)
    assert entry["counts"] == {
        "rows": 10, "annotations": 1, "samples": 1, "duplicates": 0,
        "dropped": {
            "bad medium name": 1, "bad row": 1, "empty file": 1, "missing medium": 3, "no input reads it": 1,
            "repeated id": 1, "too large": 1,
        },
    }  # fmt: skip
    listed = lines(folder / "shards" / "train-dropped.jsonl")
    assert listed[0] == {"row": "q1", "reason": "missing medium", "detail": "none.jpg", "rows": 1}
    assert [each["row"] for each in listed] == ["q1", "q2", "q3", "q4", "q5", "q7", "t#8", "q9", "q0"]


def test_too_many_of_them_end_the_packing_before_anything_is_written(packed, note, medium, folder, lines):
    medium("good.jpg")
    found = [note(number, f"none{number}.jpg") for number in range(7)] + [note(7, "good.jpg")]
    with pytest.raises(TooManyDropped) as error:
        packed(found, bad_limit=0.5)
    told = str(error.value).splitlines()
    assert told[0] == "7 of 8 rows cannot be used, more than the share `--bad-limit 0.5` allows"
    assert told[1:6] == [f"  q{number}: missing medium: none{number}.jpg" for number in range(5)]
    assert len(lines(folder / "shards" / "train-dropped.jsonl")) == 7
    assert [path.name for path in (folder / "shards").iterdir()] == ["train-dropped.jsonl"]
    medium_names = [f"none{number}.jpg" for number in range(7)]
    for name in medium_names:
        medium(name)
    assert packed(found, bad_limit=0.5)["counts"]["samples"] == 8
    assert not (folder / "shards" / "train-dropped.jsonl").exists()


def test_a_source_without_rows_is_an_error(packed):
    with pytest.raises(MultigraftError, match="there is nothing to pack: the source has 0 rows"):
        packed([])


def test_rows_of_which_none_can_be_used_are_an_error_whatever_may_be_dropped(packed, note, folder, lines):
    with pytest.raises(TooManyDropped) as error:
        packed([note(number, f"none{number}.jpg") for number in range(8)], bad_limit=1.0)
    told = str(error.value).splitlines()
    assert told[0] == "there is nothing to pack: the source has 8 rows, and none can be used"
    assert told[1:6] == [f"  q{number}: missing medium: none{number}.jpg" for number in range(5)]
    assert len(lines(folder / "shards" / "train-dropped.jsonl")) == 8


def test_the_manifest_says_what_was_packed(packed, note, medium, folder):
    medium("a.jpg")
    table = folder / "table.csv"
    table.write_text("text\nquestion\n")
    packed([note(0, "a.jpg"), note(1)], files=[table], samples_per_shard=1)
    manifest = json.loads((folder / "shards" / "manifest.json").read_text())
    shard = folder / "shards" / "train-000001.tar"
    assert manifest["shards"]["train-000001.tar"] == {
        "samples": 1, "annotations": 1, "bytes": shard.stat().st_size,
        "sha256": hashlib.sha256(shard.read_bytes()).hexdigest(),
    }  # fmt: skip
    entry = manifest["packed"]["train"]
    assert entry["shards"] == ["train-000000.tar", "train-000001.tar"]
    assert entry["of"]["options"] == {"kind": "listed"}
    assert entry["of"]["files"] == [
        {"path": str(table), "bytes": 14, "sha256": hashlib.sha256(table.read_bytes()).hexdigest()}
    ]


def test_splits_stand_side_by_side_in_one_folder(packed, note, folder):
    packed([note(0)])
    packed([note(2)], prefix="validation-2")
    packed([note(1)], prefix="validation")
    manifest = json.loads((folder / "shards" / "manifest.json").read_text())
    assert list(manifest["packed"]) == ["train", "validation", "validation-2"]
    assert set(manifest["shards"]) == {f"{prefix}-000000.tar" for prefix in manifest["packed"]}


@pytest.mark.parametrize("prefix", ["a.b", "a/b", "", "-a", ".a"])
def test_a_prefix_is_a_plain_word(packed, note, prefix):
    with pytest.raises(MultigraftError, match="prefix"):
        packed([note(0)], prefix=prefix)
