import json
import tarfile

import pytest
import webdataset

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation, Record


def record(key):
    return Record(id=key, source="made", annotations=(Annotation(id=f"{key}-q", task="vqa", text="what?"),))


def write(folder, keys=("one", "two", "three"), per_shard=2):
    with ShardWriter(folder, "part", per_shard) as writer:
        for key in keys:
            writer.write(key, record(key), {"jpg": key.encode(), "0.png": b"first"})


def test_shards_are_numbered_and_begin_each_sample_with_its_record(tmp_path):
    write(tmp_path)
    with tarfile.open(tmp_path / "part-000000.tar") as tar:
        assert tar.getnames() == ["one.json", "one.0.png", "one.jpg", "two.json", "two.0.png", "two.jpg"]
    with tarfile.open(tmp_path / "part-000001.tar") as tar:
        assert tar.getnames()[0] == "three.json"


def test_equal_samples_give_equal_bytes(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    assert (tmp_path / "a/part-000000.tar").read_bytes() == (tmp_path / "b/part-000000.tar").read_bytes()


def test_webdataset_reads_what_was_written(tmp_path):
    write(tmp_path, per_shard=10)
    samples = list(webdataset.WebDataset(str(tmp_path / "part-000000.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == ["one", "two", "three"]
    assert samples[1]["jpg"] == b"two"
    assert json.loads(samples[1]["json"])["annotations"][0]["text"] == "what?"


def test_manifest_counts_and_is_extended_by_the_next_writer(tmp_path):
    write(tmp_path)
    with ShardWriter(tmp_path, "other") as writer:
        writer.write("x", None, {"features.safetensors": b"12345678"})
    shards = json.loads((tmp_path / "manifest.json").read_text())["shards"]
    assert list(shards) == ["other-000000.tar", "part-000000.tar", "part-000001.tar"]
    assert (shards["part-000000.tar"]["samples"], shards["part-000000.tar"]["annotations"]) == (2, 2)
    assert shards["other-000000.tar"]["annotations"] == 0
    assert shards["part-000001.tar"]["bytes"] == (tmp_path / "part-000001.tar").stat().st_size
    assert len(shards["part-000001.tar"]["sha256"]) == 64


@pytest.mark.parametrize("key", ["a.b", "a/b", "", "__meta__", "k" * 99, "a\x1b"])
def test_keys_that_no_reader_would_find_again_are_refused(tmp_path, key):
    with pytest.raises(MultigraftError, match="sample"), ShardWriter(tmp_path, "part") as writer:
        writer.write(key, None, {"jpg": b""})


def test_a_key_is_written_once(tmp_path):
    with pytest.raises(MultigraftError, match="was written before"):
        write(tmp_path, keys=("same", "same"))


@pytest.mark.parametrize("field", ["json", "JPG", ".jpg", "a/b", ""])
def test_fields_are_lower_case_extensions(tmp_path, field):
    with pytest.raises(MultigraftError, match="lower-case extension"), ShardWriter(tmp_path, "part") as writer:
        writer.write("key", record("key"), {field: b""})


def write_two_and_fail(folder, per_shard):
    with ShardWriter(folder, "part", per_shard) as writer:
        writer.write("one", record("one"), {})
        writer.write("two", record("two"), {})
        raise RuntimeError


def test_an_error_leaves_no_half_shard(tmp_path):
    with pytest.raises(RuntimeError):
        write_two_and_fail(tmp_path / "a", 1)
    assert [path.name for path in sorted((tmp_path / "a").glob("*.tar"))] == ["part-000000.tar", "part-000001.tar"]
    with pytest.raises(RuntimeError):
        write_two_and_fail(tmp_path / "b", 5)
    assert list((tmp_path / "b").iterdir()) == []
