"""An index is believed only as it was written."""

import json
import os
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multigraft.core.data.index import index_path
from multigraft.core.data.index_file import index_from_json, index_to_json
from multigraft.core.data.indexing import load_index, make_index
from multigraft.core.data.shard import Shard

COLOURS = ("red", "blue", "green")


@pytest.fixture(scope="module")
def shard(tmp_path_factory, make_tar, record):
    members = []
    for colour in COLOURS:
        members.append((f"{colour}.json", record({"text": f"what is {colour}?", "media": ["png"]}, key=colour)))
        members.append((f"{colour}.png", colour.encode()))
    return make_tar(tmp_path_factory.mktemp("shard") / "x.tar", *members)


def pairs(shard):
    return [
        (shard.annotation(row).text, shard.read(int(sample), "png").decode())
        for row, sample in enumerate(shard.index.annotations.sample)
    ]


RIGHT = [(f"what is {colour}?", colour) for colour in COLOURS]


def resealed(value):
    """An index with a right checksum over whatever it says."""
    body = json.dumps(value, separators=(",", ":"))
    checksum = blake2b(body.encode(), digest_size=16).hexdigest()
    return f'{{"version":2,"checksum":"{checksum}","index":{body}}}'


def test_an_index_is_read_as_it_was_written(shard):
    text = index_to_json(make_index(shard))
    assert index_to_json(index_from_json(text)) == text
    assert json.loads(text)["index"]["keys"] == list(COLOURS)


@pytest.mark.parametrize("what", ["folder", "pipe", "of a terabyte", "link"])
def test_an_index_that_is_no_file_of_its_size_is_made_again(shard, tmp_path, what):
    path = tmp_path / "x.tar"
    path.write_bytes(shard.read_bytes())
    beside = index_path(path)
    if what == "folder":
        beside.mkdir()
    elif what == "pipe":
        os.mkfifo(beside)
    elif what == "of a terabyte":
        beside.touch()
        os.truncate(beside, 1 << 40)
    else:
        beside.symlink_to("nowhere")
    if what == "folder":
        with pytest.warns(UserWarning, match="is kept in memory only"):
            assert pairs(Shard(path)) == RIGHT
    else:
        assert pairs(Shard(path)) == RIGHT
        assert index_from_json(beside.read_text()).keys == list(COLOURS)


@given(data=st.data())
def test_whatever_byte_of_an_index_is_changed_the_right_samples_are_read(shard, data):
    Shard(shard)
    path = index_path(shard)
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(bad[: data.draw(st.sampled_from([place, len(bad)]))]))
    assert pairs(Shard(shard)) == RIGHT
    assert path.read_bytes() == good


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (("members", "offset"), [10**6] * 6), (("members", "offset"), [-1] * 6), (("members", "size"), [1 << 40] * 6),
        (("members", "size"), [2**63] * 6), (("members", "field"), [7] * 6), (("members", "first"), [0, 2, 4, 5]),
        (("members", "first"), [0, 4, 2, 6]), (("members", "first"), []), (("members", "crc"), [0, 0]),
        (("annotations", "sample"), [0, 1, 3]), (("annotations", "sample"), [0, 1]), (("annotations", "task"), [1] * 3),
        (("annotations", "position"), [-1] * 3), (("annotations", "position"), [[0, 1]] * 3),
        (("annotations", "position"), [0.5] * 3), (("keys",), ["a"] * 3),
        (("keys",), None), (("tasks",), []), (("problems",), [["a", "b"]]), (("problems",), [{"key": ""}]),
        (("stamp",), "now"), (("members",), {"first": []}), (("annotations", "type"), {}),
    ],
)  # fmt: skip
def test_an_index_that_makes_no_sense_is_made_again_though_its_checksum_is_right(shard, column, value):
    right = index_to_json(load_index(shard))
    altered = json.loads(right)["index"]
    inner = altered
    for name in column[:-1]:
        inner = inner[name]
    inner[column[-1]] = value
    index_path(shard).write_text(resealed(altered))
    with pytest.raises(ValueError, match=r"makes no sense|damaged index"):
        index_from_json(resealed(altered))
    assert pairs(Shard(shard)) == RIGHT
    assert index_path(shard).read_text() == right


@pytest.mark.parametrize(
    "rubbish", [b"", b"[" * 100_000, b"\xff\xfe", b"null", b'{"version":2}', b'"' * 9999, b"9" * 5000]
)
def test_rubbish_is_no_index(shard, rubbish):
    index_path(shard).write_bytes(rubbish)
    assert pairs(Shard(shard)) == RIGHT
