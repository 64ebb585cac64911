import json
import os
import tarfile

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
