"""Shards in a store that speaks Google's protocol: an emulator of it, asked by gcsfs."""

import fsspec
import pytest

from multigraft.core.data.remote import retrying
from multigraft.core.data.remote.address import addresses_of
from multigraft.core.data.remote.cache import ShardCache
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation, Record

_WHY = "no extra brings gcsfs and an emulator, see docs/remote_shards.md"
gcsfs = pytest.importorskip("gcsfs", reason=_WHY)
emulator = pytest.importorskip("gcp_storage_emulator.server", reason=_WHY)
PORT = 9023


@pytest.fixture
def store(monkeypatch, tmp_path):
    """A bucket with three shards of two samples each, their indices and a manifest."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{PORT}")
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.01)
    running = emulator.create_server("127.0.0.1", PORT, in_memory=True, default_bucket="bucket")
    running.start()
    with ShardWriter(tmp_path / "made", "train", 2) as writer:
        for number in range(6):
            note = Annotation(id=f"q{number}", task="vqa", text="?", media=("bin",))
            writer.write(f"k{number}", Record(id=f"k{number}", annotations=(note,)), {"bin": bytes([number]) * 4000})
    fsspec.get_filesystem_class("gs").clear_instance_cache()
    files = fsspec.filesystem("gs")
    for path in (tmp_path / "made").iterdir():
        files.pipe_file(f"bucket/{path.name}", path.read_bytes())
    files.running = running
    yield files
    running.stop()
    fsspec.get_filesystem_class("gs").clear_instance_cache()


@pytest.fixture
def opened(store, tmp_path):
    """The shards, opened as another process would."""

    def make():
        type(store).clear_instance_cache()
        remote = RemoteShards(ShardCache(tmp_path / "cache", 1 << 30))
        return [remote.open(address) for address in addresses_of("gs://bucket/train-{000000..000002}.tar")]

    return make


def test_shards_are_read_through_the_cache(opened, tmp_path):
    assert [shard.read(1, "bin")[0] for shard in opened()] == [1, 3, 5]
    copies = {path: path.stat().st_ino for path in tmp_path.glob("cache/*/*.tar")}
    assert len(copies) == 3
    assert [shard.read(0, "bin")[0] for shard in opened()] == [0, 2, 4]
    assert {path: path.stat().st_ino for path in tmp_path.glob("cache/*/*.tar")} == copies


def test_what_changed_is_gone_or_was_spoiled_is_an_error(store, opened, capsys):
    first, _, _ = opened()
    data = store.cat_file("bucket/train-000000.tar")
    store.pipe_file("bucket/train-000000.tar", data[:-1] + b"?")
    store.rm_file("bucket/train-000001.tar")
    with pytest.raises(MultigraftError, match="is another file than when it was opened"):
        first.read(0, "bin")
    spoiled, gone, whole = opened()
    assert gone is None
    assert "gs://bucket/train-000001.tar is not there, or not for us" in capsys.readouterr().err
    with pytest.raises(MultigraftError, match=r"SHA-256 is not that of the manifest\.json beside it"):
        spoiled.read(0, "bin")
    assert whole.read(0, "bin")[0] == 4


def test_a_store_that_goes_away_is_told_with_the_first_address_that_is_asked(store, opened):
    shards = opened()
    store.running.stop()
    with pytest.raises(MultigraftError, match=r"fetching gs://bucket/manifest\.json failed 3 times"):
        shards[0].read(0, "bin")
