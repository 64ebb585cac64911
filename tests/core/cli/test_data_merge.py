import json
import os
import tarfile
from io import BytesIO

import pytest

from multigraft.core.data.index import index_path
from multigraft.core.data.shard import open_shard
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record


@pytest.fixture
def folders(tmp_path):
    """Two folders whose samples have partly equal keys and other media."""
    for name, keys in (("one", ("a", "b", "c")), ("two", ("b", "b-2", "d"))):
        with ShardWriter(tmp_path / name, "part", 2) as writer:
            for key in keys:
                note = Annotation(id=f"{name}/{key}", task="vqa", text="what?", media=("jpg",))
                writer.write(key, Record(id=key, annotations=(note,)), {"jpg": f"{name} {key}".encode()})
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def tar_of(tmp_path):
    """A tar of `(name, bytes)` members, as other programs write it; a `.json` is given one annotation with its name."""

    def make(*members):
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            for name, data in members:
                note = {"id": name, "task": "t", "text": name.removesuffix(".json")}
                data = json.dumps({"id": name, "annotations": [note]}).encode() if name.endswith(".json") else data
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, BytesIO(data))
        return tmp_path / "a.tar"

    return make


def content(shard):
    """Key, id of the annotation and picture of each sample."""
    index = shard.index
    return [
        (index.key(shard.sample(row)), shard.annotation(row).id, shard.read(shard.sample(row), "jpg").decode())
        for row in range(len(index.annotations.sample))
    ]


def test_samples_stay_and_equal_keys_become_different(folders, run, tmp_path):
    result = run("data", "merge", *folders, "whole", "--samples-per-shard", "4", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["samples"], found["renamed"], found["findings"]) == (0, 6, 1, [])
    assert "1 samples have new keys, such as b is b-3" in result.stderr
    shards = sorted((tmp_path / "whole").glob("*.tar"))
    assert [path.name for path in shards] == ["data-000000.tar", "data-000001.tar"]
    assert [each for path in shards for each in content(open_shard(path))] == [
        ("a", "one/a", "one a"), ("b", "one/b", "one b"), ("c", "one/c", "one c"),
        ("b-3", "two/b", "two b"), ("b-2", "two/b-2", "two b-2"), ("d", "two/d", "two d"),
    ]  # fmt: skip
    manifest = json.loads((tmp_path / "whole/manifest.json").read_text())
    assert [facts["samples"] for facts in manifest["shards"].values()] == [4, 2]
    assert all(index_path(path).is_file() for path in shards)
    assert run("data", "verify", "whole").exit_code == 0


def test_records_stay_as_they_are_to_the_byte(tmp_path, run):
    record = b'{"id": "k",\n  "annotations": [{"id": "1", "task": "t", "text": "good"}, {"no": "annotation"}]}'
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        (tmp_path / "record").write_bytes(record)
        tar.add(tmp_path / "record", "folder/k.json")
    result = run("data", "merge", path, "whole")
    assert result.exit_code == 0
    assert "1 samples have new keys, such as folder/k is folder_k" in result.stderr
    assert "1 x bad annotation" in result.stderr
    shard = open_shard(tmp_path / "whole/data-000000.tar")
    assert shard.read(0, "json") == record
    assert shard.annotation(0).text == "good"


def test_a_damaged_sample_is_left_out_and_told(folders, run, tmp_path):
    path = folders[0] / "part-000000.tar"
    stamp = path.stat()
    path.write_bytes(path.read_bytes().replace(b"one b", b"one X"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    result = run("data", "merge", *folders, "whole", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["samples"]) == (1, 5)
    [row] = found["findings"]
    assert (row["reason"], row["count"], row["first"]["key"]) == ("sample left out", 1, "b")
    assert "wrong crc" in row["first"]["detail"]


def test_a_folder_that_is_there_is_left_alone(folders, run, tmp_path):
    result = run("data", "merge", folders[0], folders[1])
    assert result.exit_code == 2
    assert "two is there already" in result.output
    assert len(list(folders[1].glob("*.tar"))) == 2


def test_stored_features_are_not_merged(tmp_path, run):
    with ShardWriter(tmp_path, "f") as writer:
        writer.write("k", None, {"features.safetensors": b"12345678"})
    result = run("data", "merge", "f-000000.tar", "whole")
    assert "holds stored features" in result.output
    assert not (tmp_path / "whole").exists()


def test_keys_that_new_shards_cannot_hold_are_renamed(tmp_path, run, tar_of):
    keys = ["v1.0/img1", "v1.0/img1x", "k" * 120, "k" * 121, "é" * 60, "__k"]
    result = run("data", "merge", tar_of(*((f"{key}.json", b"") for key in keys)), "whole", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["samples"], found["renamed"], found["findings"]) == (0, 6, 6, [])
    shard = open_shard(tmp_path / "whole/data-000000.tar")
    assert shard.index.keys == ["v1_0_img1", "v1_0_img1x", "k" * 95, "k" * 93 + "-2", "é" * 47, "k"]
    assert [shard.annotation(row).text for row in range(6)] == keys
    assert run("data", "verify", "whole").exit_code == 0


def test_a_field_that_new_shards_cannot_hold_leaves_its_sample_out(run, tar_of):
    members = [("a.json", b""), ("a._x", b"1"), ("b.json", b""), ("b.jpg", b"2")]
    result = run("data", "merge", tar_of(*members), "whole", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["samples"]) == (1, 1)
    [row] = [each for each in found["findings"] if each["reason"] == "sample left out"]
    assert (row["count"], row["first"]["key"]) == (1, "a")
    assert "field '_x' is no lower-case extension" in row["first"]["detail"]


@pytest.mark.parametrize("prefix", ["../outside", "a/b", "", "a.b"])
def test_a_prefix_is_no_path(folders, run, tmp_path, prefix):
    before = sorted(tmp_path.rglob("*"))
    result = run("data", "merge", *folders, "whole", "--prefix", prefix)
    assert result.exit_code == 2
    assert f"prefix {prefix!r}: use up to 60 letters" in result.output
    assert [each for each in sorted(tmp_path.rglob("*")) if each.suffix != ".index"] == [
        each for each in before if each.suffix != ".index"
    ]


@pytest.mark.parametrize("words", [("merge",), ("split", "--parts", "train=0.5,test=0.5")])
def test_every_path_that_cannot_be_merged_or_split_is_told_and_nothing_is_written(folders, run, tmp_path, words):
    (tmp_path / "page.tar").write_text("<html>404 not found</html>")
    (tmp_path / "text.tar").write_text("no tar")
    result = run("data", *words, "none.tar", "other.tar", *folders, "whole")
    assert all(name in result.output for name in ("none.tar", "other.tar"))
    result = run("data", *words, "page.tar", *folders, "text.tar", "whole")
    assert all(name in result.output for name in ("page.tar", "text.tar"))
    assert not (tmp_path / "whole").exists()
