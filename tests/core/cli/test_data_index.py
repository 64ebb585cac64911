import json
import os

import pytest

from multigraft.core.data.index import index_path
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record


@pytest.fixture
def shards(tmp_path):
    """Three shards of two samples, with their indices."""
    with ShardWriter(tmp_path, "a", 2) as writer:
        for number in range(6):
            note = Annotation(id=f"q{number}", task="vqa", text="what?", media=("jpg",))
            writer.write(f"k{number}", Record(id=f"k{number}", annotations=(note,)), {"jpg": b"x" * 600})
    return sorted(tmp_path.glob("a-*.tar"))


@pytest.fixture
def told(run):
    def call(*arguments):
        result = run("data", "index", *arguments, "--json")
        found = json.loads(result.stdout)
        states = [found[state] for state in ("there", "made", "refused", "unstored")]
        return result.exit_code, states, found["shards"]

    return call


def test_indices_that_are_there_are_left(shards, told):
    times = [index_path(path).stat().st_mtime_ns for path in shards]
    code, states, rows = told(*shards)
    assert (code, states) == (0, [3, 0, 0, 0])
    assert rows[2] == {
        "shard": str(shards[2]), "state": "there", "samples": 2, "annotations": 2, "problems": 0, "detail": "",
    }  # fmt: skip
    assert [index_path(path).stat().st_mtime_ns for path in shards] == times


def test_two_processes_make_what_lacks_and_what_is_damaged(shards, told):
    index_path(shards[0]).unlink()
    whole = index_path(shards[1]).read_bytes()
    index_path(shards[1]).write_bytes(whole[:-3] + b"???")
    assert told(*shards, "--workers", "2")[1] == [1, 2, 0, 0]
    assert index_path(shards[1]).read_bytes() == whole
    assert told(*shards)[1] == [3, 0, 0, 0]


def test_force_makes_all_again(shards, told):
    before = [os.stat(index_path(path)).st_ino for path in shards]
    assert told(*shards, "--force")[1] == [0, 3, 0, 0]
    assert all(os.stat(index_path(path)).st_ino != old for path, old in zip(shards, before, strict=True))


def test_a_file_that_is_no_shard_is_refused_with_its_reason(shards, told, run):
    (shards[0].parent / "page.tar").write_text("<html>404 not found</html>")
    code, states, rows = told(shards[0].parent)
    assert (code, states) == (1, [3, 0, 1, 0])
    assert "the file is a web page" in rows[-1]["detail"]
    result = run("data", "index", shards[0].parent)
    assert result.stdout == "3 there, 0 made, 1 refused; 6 samples, 6 annotations\n"
    assert "page.tar: no tar header" in result.stderr


def test_paths_that_are_not_there_are_told_and_the_others_are_indexed(shards, run):
    index_path(shards[1]).unlink()
    result = run("data", "index", shards[0].parent / "none.tar", *shards, shards[0].parent / "x-{0..1}.tar")
    assert (result.exit_code, result.stdout[:16]) == (1, "2 there, 1 made,")
    assert [name in result.stderr for name in ("none.tar", "x-0.tar", "x-1.tar")] == [True] * 3


def test_paths_that_the_system_refuses_are_told_and_the_others_are_indexed(shards, run):
    result = run("data", "index", "x" * 300, *shards, shards[0] / "below.tar")
    assert (result.exit_code, result.stdout[:8]) == (1, "3 there,")
    assert result.stderr.splitlines()[:2] == [
        f"cannot read {'x' * 300}: File name too long",
        f"cannot read the shard {shards[0]}/below.tar: Not a directory",
    ]


@pytest.mark.filterwarnings("ignore:the index of")
def test_an_index_that_cannot_be_stored_is_told(shards, told):
    index_path(shards[0]).unlink()
    index_path(shards[0]).mkdir()
    code, states, rows = told(shards[0])
    assert (code, states) == (1, [0, 0, 0, 1])
    assert "cannot be written" in rows[0]["detail"]
    assert rows[0]["samples"] == 2
