"""Faults of webdataset 1.0.2 as a reader, each shown to be none here."""

import gzip
import os
import pickle
import shutil
from collections import Counter

import pytest
import webdataset

from multigraft.core.data.decode import MediaDecoder
from multigraft.core.data.open_shards import OpenShards
from multigraft.core.data.remote import retrying
from multigraft.core.data.remote.address import Address
from multigraft.core.data.remote.cache import ShardCache
from multigraft.core.data.remote.remote_shard import RemoteShards
from multigraft.core.data.shard import Shard
from multigraft.core.data.tar_reader import RefusedShardError
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.types.annotation import Annotation
from multigraft.plugins.inputs.image import build as build_image
from multigraft.plugins.inputs.options import ImageOptions


@pytest.fixture(autouse=True)
def _hardly_pause(monkeypatch):
    monkeypatch.setattr(retrying, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def decoder(transform, workers):
    with_pictures = MediaDecoder([build_image(ImageOptions(kind="image"))], {"visual": transform}, workers)
    yield with_pictures
    with_pictures.close()


@pytest.fixture
def numbered(tmp_path, make_tar, record):
    """Two shards whose keys are equal, as those of many writers are; each picture says whose it is."""
    paths = []
    for name in ("a", "b"):
        members = []
        for number in range(3):
            asked = record({"text": f"{name}{number}", "media": ["jpg"]}, key=str(number))
            members += [(f"{number}.json", asked), (f"{number}.jpg", f"{name}{number}".encode() * 300)]
        paths.append(make_tar(tmp_path / f"{name}.tar", *members))
    return paths


@pytest.fixture
def remote(tmp_path):
    return RemoteShards(ShardCache(tmp_path / "cache", 1 << 30))


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("field", ["pkl", "pyd", "pth", "pickle", "pkl.gz"])
def test_1_nothing_is_unpickled(tmp_path, make_tar, record, decoder, field):
    bomb = pickle.dumps(Bomb(str(tmp_path / "exploded")))
    data = gzip.compress(bomb) if field.endswith("gz") else bomb
    path = make_tar(tmp_path / "x.tar", ("k.json", record({"text": "?", "media": [field]})), (f"k.{field}", data))
    with pytest.raises(BadSample, match="no input reads it"):
        decoder.read(Shard(path), 0, field, None)
    assert not (tmp_path / "exploded").exists()
    if field == "pyd":  # there is something to be safe from
        list(webdataset.WebDataset(str(path), shardshuffle=False).decode())
        assert (tmp_path / "exploded").exists()


@pytest.mark.parametrize("size", [512, 1024, 1536, 2000, 2560, 3000, 5120])
def test_2_a_cut_tar_is_told_by_name_and_gives_no_half_sample(numbered, size):
    numbered[0].write_bytes(numbered[0].read_bytes()[:size])
    shard = Shard(numbered[0])
    assert [problem.reason for problem in shard.index.problems] == ["cut tar"]
    assert "samples before it are used" in shard.index.problems[0].detail
    assert all(shard.index.fields_of(n) == ["json", "jpg"] for n in range(shard.index.head.samples))


def test_3_samples_of_two_shards_are_never_joined(numbered):
    numbered[0].write_bytes(numbered[0].read_bytes()[:6900])  # within the picture of its last sample
    first, second = map(Shard, numbered)
    assert (first.index.keys, second.index.keys) == (["0", "1"], ["0", "1", "2"])
    for shard, name in ((first, b"a"), (second, b"b")):
        for row in range(len(shard.index.annotations.sample)):
            text = shard.annotation(row).text
            assert shard.read(shard.sample(row), "jpg") == text.encode() * 300
            assert text.encode().startswith(name)


def test_4_a_lost_connection_is_no_end(numbered, web, remote):
    """Half of the answer ends where a sample ends, so nothing but the length could tell."""
    data = shutil.copy(numbered[0], web.folder / "a.tar").read_bytes()
    assert data[len(data) // 2 :].startswith(b"2.json")
    web.cut["a.tar"] = 9
    with pytest.raises(MultigraftError, match=r"fetching http://.*/a\.tar failed 3 times"):
        remote.open(Address(f"{web.address}/a.tar"))
    web.cut["a.tar"] = 0
    assert remote.open(Address(f"{web.address}/a.tar")).index.keys == ["0", "1", "2"]


def test_5_copies_are_kept_by_the_whole_address(numbered, web, remote):
    for folder, path in zip(("one", "two"), numbered, strict=True):
        (web.folder / folder).mkdir()
        shutil.copy(path, web.folder / folder / "00000.tar")
    shards = [remote.open(Address(f"{web.address}/{folder}/00000.tar")) for folder in ("one", "two")]
    assert [shard.annotation(0).text for shard in shards] == ["a0", "b0"]


@pytest.fixture
def stream(pack, questions, open_task, make_stream):
    """Streams over 23 questions in shards of four, other ones for each seed."""
    pack(questions(vqa=23))
    return lambda **options: make_stream([open_task("vqa")], batch=1, **options)


def ids(stream, start, stop):
    return [sample.annotation.id for step in stream.batches(start, stop) for sample in step]


def test_6_and_7_each_epoch_has_every_sample_once_in_an_order_of_its_own(stream):
    epochs = [ids(stream(), 23 * n, 23 * (n + 1)) for n in range(3)]
    assert [len(set(epoch)) for epoch in epochs] == [23, 23, 23]
    assert len(set(map(tuple, epochs))) == 3
    assert ids(stream(threads=5), 0, 23) == epochs[0]
    assert ids(stream(seed=1), 0, 23) != epochs[0]


def test_8_fewer_shards_than_workers_and_processes(pack, questions, open_task, make_stream):
    pack(questions(vqa=12), per_shard=12)
    ranks = [make_stream([open_task("vqa")], batch=4, rank=rank, world=4, threads=8) for rank in range(4)]
    own = [[sample.annotation.id for step in each.batches(0, 3) for sample in step] for each in ranks]
    assert [len(each) for each in own] == [3, 3, 3, 3]
    assert Counter(name for each in own for name in each) == Counter(f"vqa/{n}" for n in range(12))


def test_9_a_bad_sample_is_told_with_shard_and_key(pack, open_task, make_stream, decoder):
    from multigraft.core.data.skipped import SkippedLog

    notes = [Annotation(id=f"q{n}", task="vqa", text="?", media=("jpg",)) for n in range(2)]
    good = pack([("bad", [notes[0]], {"jpg": b"no picture"}), ("other", [notes[1]], {"jpg": b"none"})])
    log = SkippedLog(None, 1.0)
    with pytest.raises(MultigraftError):
        list(make_stream([open_task("vqa", log)], log=log, media=decoder, batch=1).batches(0, 1))
    assert {(each.shard, each.key, each.annotation) for each in log.listed} == {
        (str(good[0]), "bad", "q0"), (str(good[0]), "other", "q1"),
    }  # fmt: skip


def test_10_clips_are_decoded(tmp_path, make_tar, record, clip_file, transform, workers):
    from multigraft.plugins.inputs.options import VideoOptions
    from multigraft.plugins.inputs.pyav_frames import PyavDecoder
    from multigraft.plugins.inputs.video import VideoInput

    asked = record({"text": "?", "media": ["mp4"]})
    path = make_tar(tmp_path / "x.tar", ("k.json", asked), ("k.mp4", clip_file()))
    reader = VideoInput(VideoOptions(kind="video", frames=3), PyavDecoder())
    decoder = MediaDecoder([reader], {"visual": transform}, workers)
    try:
        assert len(decoder.read(Shard(path), 0, "mp4", None).arrays) == 3
    finally:
        decoder.close()


def test_11_a_key_ends_at_the_first_dot_and_a_dotted_one_is_told(tmp_path, make_tar, record):
    path = make_tar(tmp_path / "x.tar", ("img_0.5.json", record({"text": "?"})), ("img_0.5.jpg", b"x"))
    [problem] = Shard(path).index.problems
    assert (problem.key, problem.reason) == ("img_0", "dotted key")
    assert "name it img_0_5.json" in problem.detail


def test_11_files_of_a_sample_that_are_not_adjacent_are_refused(tmp_path, make_tar, record):
    asked = record({"text": "?", "media": ["jpg"]})
    path = make_tar(tmp_path / "x.tar", ("a.json", asked), ("b.json", asked), ("a.jpg", b"x"))
    with pytest.raises(RefusedShardError, match="files of sample 'a' are not adjacent"):
        Shard(path)


@pytest.mark.parametrize("name", ["a#b.tar", "a?b.tar", "a%20b.tar", "a b.tar", "a[1].tar"])
def test_11_any_name_of_a_file_is_found(numbered, tmp_path, web, remote, name):
    from urllib.parse import quote

    shutil.copy(numbered[0], tmp_path / name)
    shutil.copy(numbered[0], web.folder / name)
    known = OpenShards()
    [shard] = known.shards(known.named(name, tmp_path))
    assert shard.annotation(0).text == "a0"
    assert remote.open(Address(f"{web.address}/{quote(name)}")).annotation(0).text == "a0"


def test_11_what_is_compressed_is_not_expanded(tmp_path, make_tar, record, decoder):
    packed = gzip.compress(bytes(50_000_000))
    asked = record({"text": "?", "media": ["txt.gz"]})
    path = make_tar(tmp_path / "x.tar", ("k.json", asked), ("k.txt.gz", packed))
    shard = Shard(path)
    assert shard.read(0, "txt.gz") == packed
    with pytest.raises(BadSample, match="no input reads it"):
        decoder.read(shard, 0, "txt.gz", None)
    bomb = tmp_path / "y.tar"
    bomb.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(RefusedShardError, match="the file is compressed with gzip; unpack it"):
        Shard(bomb)
