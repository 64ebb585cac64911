import io
import json
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.index import index_path
from multigraft.core.data.indexing import load_index, make_index
from multigraft.core.data.shard import Shard, open_shard
from multigraft.core.data.tar_reader import RefusedShardError
from multigraft.core.errors import BadSample, MultigraftError
from multigraft.core.types.annotation import Annotation


def tar_of(path, *members, form=tarfile.USTAR_FORMAT):
    """A tar of `(name, bytes)` members, or of ready TarInfo objects."""
    with tarfile.open(path, "w", format=form) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return path


def read_all(shard):
    return {
        (key, field): shard.read(sample, field)
        for sample, key in enumerate(shard.index.keys)
        for field in shard.index.fields_of(sample)
    }


def test_any_tar_is_indexed_and_read(tmp_path):
    path = tar_of(tmp_path / "x.tar", ("./a/k1.jpg", b"one"), ("./a/k1.0.PNG", b"two"), ("a/k2.jpg", b""))
    assert read_all(Shard(path)) == {("a/k1", "jpg"): b"one", ("a/k1", "0.png"): b"two", ("a/k2", "jpg"): b""}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_whole(tmp_path, form):
    key = "k" * 150
    path = tar_of(tmp_path / "x.tar", (f"{key}.jpg", b"one"), ("b.jpg", b"two"), form=form)
    assert read_all(Shard(path)) == {(key, "jpg"): b"one", ("b", "jpg"): b"two"}


def test_annotations_are_told_by_task_source_and_type(pack):
    notes = [Annotation(id="1", task="vqa", type="colour", source="s"), Annotation(id="2", task="caption")]
    (path,) = pack([("k", notes, {"jpg": b"x"})])
    shard = Shard(path)
    columns = shard.index.annotations
    told = [
        (shard.index.head.tasks[task], shard.index.head.sources[source], shard.index.head.types[kind])
        for task, source, kind in zip(columns.task, columns.source, columns.type, strict=True)
    ]
    assert told == [("vqa", "s", "colour"), ("caption", "", "")]
    assert [shard.annotation(row).id for row in (0, 1)] == ["1", "2"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../k.jpg", b"")], "leaves the folder"),
        ([("a/../../k.jpg", b"")], "leaves the folder"),
        ([("/k.jpg", b"")], "leaves the folder"),
        ([("k\n.jpg", b"")], "unprintable"),
        ([("a.jpg", b""), ("b.jpg", b""), ("a.json", b"{}")], "not adjacent"),
        ([("a.jpg", b""), ("a.jpg", b"")], "twice"),
    ],
)
def test_shards_that_no_honest_writer_makes_are_refused(tmp_path, members, message):
    with pytest.raises(RefusedShardError, match=message):
        load_index(tar_of(tmp_path / "x.tar", *members))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    info = tarfile.TarInfo("k.jpg")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(RefusedShardError, match="link or a device"):
        load_index(tar_of(tmp_path / "x.tar", info))


def test_what_is_no_tar_is_refused_by_name(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes(b"no tar at all " * 100)
    with pytest.raises(RefusedShardError, match=r"x\.tar: no tar header at byte 0"):
        load_index(path)


@given(data=st.data())
def test_samples_before_a_cut_stay_whole_and_the_cut_is_named(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    members = [(f"k{number}.{field}", bytes([number]) * 700) for number in range(4) for field in ("json", "jpg")]
    whole = tar_of(folder / "whole.tar", *members)
    end = 8 * (512 + 1024)
    cut = folder / "cut.tar"
    cut.write_bytes(whole.read_bytes()[: data.draw(st.integers(0, end))])
    index = make_index(cut)
    assert index.problems[-1].reason == "cut tar"
    found = read_all(Shard(cut))
    assert list(index.keys) == [f"k{number}" for number in range(len(index.keys))]
    assert all(found[key, field] == read_all(Shard(whole))[key, field] for key, field in found)
    assert len(found) == 2 * len(index.keys)
    assert len(index.keys) >= cut.stat().st_size // (2 * 1536) - 1


@given(st.binary(max_size=3000), st.integers(0, 5000))
def test_damage_never_gives_anything_but_an_index_or_a_refusal(tmp_path_factory, noise, place):
    folder = tmp_path_factory.mktemp("noise")
    record = json.dumps({"id": "k", "annotations": [{"id": "1", "task": "t"}]}).encode()
    whole = bytearray(tar_of(folder / "x.tar", ("k.json", record), ("k.jpg", b"x" * 999)).read_bytes())
    whole[place : place + len(noise)] = noise
    (folder / "x.tar").write_bytes(whole)
    try:
        index = make_index(folder / "x.tar")
    except RefusedShardError:
        return
    assert all(index.members.offset + index.members.size <= len(whole))


def test_records_that_name_no_task_are_listed(tmp_path):
    path = tar_of(
        tmp_path / "x.tar", ("a.json", b"{"), ("b.json", b"[]"), ("c.json", b'{"annotations": [{"id": "1"}]}'),
        ("d.json", b"[" * 100_000), ("e.json", b'{"id": "e", "annotations": [{"id": "1", "task": "t"}]}'),
    )  # fmt: skip
    index = load_index(path)
    assert [problem.key for problem in index.problems] == ["a", "b", "c", "d"]
    assert {problem.reason for problem in index.problems} == {"bad annotation"}
    assert len(index.annotations.task) == 1


def test_a_bad_annotation_leaves_its_neighbours_usable(tmp_path):
    notes = [{"id": "1", "task": "t", "weight": -1}, {"id": "2", "task": "t"}]
    path = tar_of(tmp_path / "x.tar", ("a.json", json.dumps({"id": "a", "annotations": notes}).encode()))
    shard = Shard(path)
    with pytest.raises(BadSample, match=r"bad annotation: annotations.0.weight"):
        shard.annotation(0)
    assert shard.annotation(1).id == "2"


def test_index_is_stored_and_made_again_when_the_shard_changes(tmp_path):
    path = tar_of(tmp_path / "x.tar", ("a.jpg", b"1"))
    first = load_index(path)
    stored = index_path(path).read_bytes()
    assert load_index(path).keys == first.keys == ["a"]
    tar_of(path, ("b.jpg", b"1"), ("c.jpg", b"1"))
    assert load_index(path).keys == ["b", "c"]
    assert index_path(path).read_bytes() != stored
    assert open_shard(path).index.keys == ["b", "c"]


@pytest.mark.parametrize("text", ["", "{", '{"version": 1}', '{"version": 99}', "[1]"])
def test_a_damaged_index_is_made_again(tmp_path, text):
    path = tar_of(tmp_path / "x.tar", ("a.jpg", b"1"))
    index_path(path).write_text(text)
    assert load_index(path).keys == ["a"]


def test_where_no_index_can_be_written_it_stays_in_memory_with_a_word(tmp_path):
    path = tar_of(tmp_path / "x.tar", ("a.jpg", b"1"))
    index_path(path).mkdir()
    with pytest.warns(UserWarning, match="kept in memory only"):
        index = load_index(path)
    assert load_index(path) is index


def test_bytes_that_change_under_a_reader_are_told_and_never_given(tmp_path):
    path = tar_of(tmp_path / "x.tar", ("a.jpg", b"right"), ("b.jpg", b"right"))
    shard = Shard(path)
    data = bytearray(path.read_bytes())
    data[512:517] = b"wrong"
    path.write_bytes(data)
    assert shard.read(1, "jpg") == b"right"
    with pytest.raises(MultigraftError, match=r"x\.tar was changed while it was being read"):
        shard.read(0, "jpg")


def test_a_field_that_is_not_there_and_a_shard_that_is_not_there(tmp_path):
    shard = Shard(tar_of(tmp_path / "x.tar", ("a.jpg", b"1")))
    with pytest.raises(BadSample, match="missing field: no png; the sample has jpg"):
        shard.read(0, "png")
    with pytest.raises(BadSample, match="too large"):
        shard.read(0, "jpg", largest=0)
    with pytest.raises(MultigraftError, match=r"cannot read the shard .*none\.tar"):
        load_index(tmp_path / "none.tar")
