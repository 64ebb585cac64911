"""A shard that was replaced by one of the same size and time, and one that is damaged."""

import os

import pytest

from multigraft.core.data.shard import Shard
from multigraft.core.errors import BadSample, MultigraftError


@pytest.fixture
def replace(tmp_path, make_tar, record):
    """Write samples whose pictures are filled with a byte, with the time of before."""

    def write(filling, count=20, text="what?", size=600):
        members = [
            each
            for number in range(count)
            for each in (
                (f"k{number:02}.json", record({"text": text, "media": ["png"]}, key=f"k{number}")),
                (f"k{number:02}.png", filling * size),
            )
        ]
        path = make_tar(tmp_path / "x.tar", *members)
        os.utime(path, ns=(1, 10**18))
        return path

    return write


def test_the_index_of_a_replaced_shard_is_made_anew_when_the_shard_is_opened(replace):
    assert Shard(replace(b"a")).read(3, "png") == b"a" * 600
    assert Shard(replace(b"b")).read(3, "png") == b"b" * 600
    shard = Shard(replace(b"b", text="who?"))
    assert shard.annotation(3).text == "who?"


def test_a_shard_replaced_under_way_ends_the_run_and_says_that_the_index_was_stale(replace):
    shard = Shard(replace(b"a"))
    replace(b"b")
    with pytest.raises(MultigraftError, match=r"index of the shard .*x\.tar was stale: .* same size and time; .* anew"):
        shard.read(3, "png")
    assert Shard(shard.path).read(3, "png") == b"b" * 600


@pytest.mark.parametrize("number", [0, 3, 19])
def test_one_damaged_file_is_no_other_shard(replace, number):
    path = replace(b"a")
    Shard(path)
    data = path.read_bytes().replace(b"a" * 600, b"~" * 600, number + 1).replace(b"~" * 600, b"a" * 600, number)
    path.write_bytes(data)
    os.utime(path, ns=(1, 10**18))
    shard = Shard(path)
    for _ in range(2):
        with pytest.raises(BadSample, match="wrong crc: png differs from the shard's index; the shard is damaged"):
            shard.read(number, "png")
    assert shard.read((number + 1) % 20, "png") == b"a" * 600
