"""Shards in a store that speaks S3: moto's server, asked by s3fs."""

import json
from urllib.request import Request, urlopen

import fsspec
import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.remote import retrying
from multigraft.core.data.remote.address import addresses_of
from multigraft.core.data.remote.cache import ShardCache
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation, Record

_WHY = "no extra brings s3fs and moto, see docs/remote_shards.md"
s3fs = pytest.importorskip("s3fs", reason=_WHY)
server = pytest.importorskip("moto.server", reason=_WHY)
SIZE = 4000
PATTERN = "s3://bucket/train-{000000..000002}.tar"


@pytest.fixture
def store(monkeypatch, tmp_path):
    """An empty bucket; credentials and address are in the environment."""
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    address = "http://{}:{}".format(*running.get_host_and_port())
    for name, value in {
        "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.01)
    s3fs.S3FileSystem.clear_instance_cache()
    moto_says(address, "reset")
    files = fsspec.filesystem("s3")
    files.mkdir("bucket")
    files.address, files.running = address, running
    yield files
    running.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def served(store, tmp_path):
    """Three shards of two samples each, with indices and a manifest."""
    with ShardWriter(tmp_path / "made", "train", 2) as writer:
        for number in range(6):
            note = Annotation(id=f"q{number}", task="vqa", text="?", media=("bin",))
            writer.write(f"k{number}", Record(id=f"k{number}", annotations=(note,)), {"bin": bytes([number]) * SIZE})
    for path in (tmp_path / "made").iterdir():
        store.pipe_file(f"bucket/{path.name}", path.read_bytes())
    return store


@pytest.fixture
def opened(tmp_path):
    """The shards, opened as another process would."""

    def make():
        s3fs.S3FileSystem.clear_instance_cache()
        remote = RemoteShards(ShardCache(tmp_path / "cache", 1 << 30))
        return [remote.open(address) for address in addresses_of(PATTERN)]

    return make


def moto_says(address, what, text=""):
    with urlopen(Request(f"{address}/moto-api/{what}", text.encode(), {"Content-Type": "text/plain"})) as answer:
        answer.read()


def losses(run):
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [[row[name] for name in row if name.endswith("/loss")] for row in rows]


def test_shards_are_read_through_the_cache(served, opened, tmp_path):
    shards = opened()
    assert list(tmp_path.glob("cache/*/*.tar")) == []
    assert [shard.read(1, "bin")[0] for shard in shards] == [1, 3, 5]
    assert [shard.name for shard in shards] == [f"s3://bucket/train-00000{n}.tar" for n in range(3)]
    copies = {path: path.stat().st_ino for path in tmp_path.glob("cache/*/*.tar")}
    assert len(copies) == 3
    assert [shard.read(0, "bin")[0] for shard in opened()] == [0, 2, 4]
    assert {path: path.stat().st_ino for path in tmp_path.glob("cache/*/*.tar")} == copies


def test_what_changed_is_gone_or_was_spoiled_is_an_error(served, opened, capsys):
    first, second, _ = opened()
    data = served.cat_file("bucket/train-000000.tar")
    served.pipe_file("bucket/train-000000.tar", data[:-1] + b"?")
    with pytest.raises(MultigraftError, match="is another file than when it was opened"):
        first.read(0, "bin")
    served.rm_file("bucket/train-000001.tar")
    with pytest.raises(MultigraftError, match=r"s3://bucket/train-000001\.tar is not there"):
        second.read(0, "bin")
    capsys.readouterr()
    spoiled, gone, whole = opened()
    assert gone is None
    assert capsys.readouterr().err == "s3://bucket/train-000001.tar is not there, or not for us\n"
    with pytest.raises(MultigraftError, match=r"SHA-256 is not that of the manifest\.json beside it"):
        spoiled.read(0, "bin")
    assert whole.read(0, "bin")[0] == 4


def test_wrong_credentials_are_told_and_no_credentials_end_the_run(served, opened, capsys, monkeypatch):
    moto_says(served.address, "reset-auth", "0")
    try:
        assert opened() == [None] * 3
    finally:
        moto_says(served.address, "reset-auth", "inf")
    told = capsys.readouterr().err
    assert "s3://bucket/train-000000.tar is not there, or not for us: PermissionError: Forbidden" in told
    assert "hidden" not in told
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(MultigraftError, match=r"NoCredentialsError: Unable to locate credentials.*; set them"):
        opened()
    assert "try 2" not in capsys.readouterr().err


def test_a_server_that_goes_away_is_told_with_the_address(served, opened, capsys, tmp_path):
    shards = opened()
    assert shards[0].read(0, "bin")[0] == 0
    served.running.stop()
    assert shards[0].read(1, "bin")[0] == 1
    with pytest.raises(MultigraftError, match=r"fetching s3://bucket/train-000001\.tar failed 3 times"):
        shards[1].read(0, "bin")
    assert "try 3 of 3" in capsys.readouterr().err
    assert len(list(tmp_path.glob("cache/*/*.tar"))) == 1
    assert [path.name for path in tmp_path.rglob("*.part")] == []


def test_a_training_reads_the_same_as_from_files(store, shards, recipe_file, train, tmp_path):
    for path in shards.glob("pictures-*"):
        store.pipe_file(f"bucket/{path.name}", path.read_bytes())
    overrides = [f"data.cache.folder={tmp_path / 'cache'}"]
    for split in ("train", "validation"):
        overrides.append(f'tasks.vqa.data.{split}=["s3://bucket/pictures-{split}-{{000000..000001}}.tar"]')
    words = [word for each in overrides for word in ("--set", each)]
    checked = CliRunner().invoke(cli, ["check", str(recipe_file), *words])
    assert checked.exit_code == 0, checked.output
    far, here = (train(tmp_path / name, *more)["tasks"] for name, more in (("far", overrides), ("here", [])))
    assert far == here
    assert losses(tmp_path / "far") == losses(tmp_path / "here")
    assert len(list(tmp_path.glob("cache/*/*.tar"))) == 4
