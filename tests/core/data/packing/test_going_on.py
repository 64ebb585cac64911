"""A packing that was stopped goes on, and ends with the same bytes."""

import json
import os

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli
from multigraft.core.data.packing.dropped import TooManyDropped
from multigraft.core.data.shard import open_shard
from multigraft.core.errors import MultigraftError

ROWS, DONE = 120, 10


@pytest.fixture
def words(tmp_path, picture_file):
    """The words of a packing of as many shards as rows, some of which are dropped."""
    (tmp_path / "media").mkdir()
    for number in range(20):
        (tmp_path / "media" / f"{number}.png").write_bytes(picture_file((number, 0, 0)))
    names = [f"{number % 21}.png" for number in range(ROWS)]
    rows = [{"text": f"{number}?", "media": [name, f"{number % 19}.png"]} for number, name in enumerate(names)]
    (tmp_path / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table, media = str(tmp_path / "table.jsonl"), str(tmp_path / "media")
    options = ["--task", "vqa", "--media", media, "--samples-per-shard", "1", "--bad-limit", "0.1"]
    return lambda out: ["data", "pack", table, str(tmp_path / out), *options]


def files(folder):
    """Bytes of all files; indices hold the time of their shards."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if ".index" not in path.name}


def test_a_killed_packing_goes_on_after_its_last_whole_shard(words, stopped_after, tmp_path):
    stopped_after("multigraft.core.data.packing.progress.ProgressFile", "add", DONE, words("killed"))
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("train-*.tar")}
    assert len(kept) == DONE
    assert CliRunner().invoke(cli, words("killed")).exit_code == 0
    assert CliRunner().invoke(cli, words("whole")).exit_code == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    for name, written in kept.items():
        assert (tmp_path / "killed" / name).stat().st_mtime_ns == written, "it was written again"


def test_a_finished_packing_is_not_made_again(words, tmp_path):
    first = CliRunner().invoke(cli, words("out"))
    shard = tmp_path / "out" / "train-000000.tar"
    before = shard.stat().st_mtime_ns
    again = CliRunner().invoke(cli, words("out"))
    assert (again.exit_code, again.stderr.splitlines()[-3:]) == (0, first.stderr.splitlines()[-3:])
    assert shard.stat().st_mtime_ns == before


def test_the_list_of_what_was_dropped_stays_when_nothing_is_left_to_do(packed, note, medium, folder, lines):
    for number in range(22):
        medium(f"{number}.jpg")
    found = [note(99, "none.jpg"), *(note(number, f"{number}.jpg") for number in range(22))]

    def lose_one(done, total):
        if done == 1:
            os.unlink(folder / "media" / "19.jpg")

    entry = packed(found, bad_limit=0.5, report=lose_one)
    listed = (folder / "shards" / "train-dropped.jsonl").read_bytes()
    assert [each["row"] for each in lines(folder / "shards" / "train-dropped.jsonl")] == ["q99", "q19"]
    medium("19.jpg")
    assert packed(found, bad_limit=0.5) == entry
    assert (folder / "shards" / "train-dropped.jsonl").read_bytes() == listed
    with pytest.raises(TooManyDropped, match="2 of 23 rows"):
        packed(found, bad_limit=0.05)
    assert (folder / "shards" / "train-dropped.jsonl").read_bytes() == listed


def test_a_shard_that_was_deleted_is_made_again(packed, note, folder):
    entry = packed([note(number) for number in range(3)], samples_per_shard=1)
    whole = files(folder / "shards")
    os.unlink(folder / "shards" / "train-000000.tar")
    assert packed([note(number) for number in range(3)], samples_per_shard=1) == entry
    assert files(folder / "shards") == whole


def test_what_was_dropped_while_shards_were_written_stays_dropped(packed, note, medium, folder, lines):
    for number in range(22):
        medium(f"{number}.jpg")
    found = [note(number, f"{number}.jpg") for number in range(22)]

    def lose_one_and_stop(done, total):
        if done == 1:
            os.unlink(folder / "media" / "19.jpg")
        if done == 21:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packed(found, samples_per_shard=1, bad_limit=0.1, report=lose_one_and_stop)
    medium("19.jpg")
    entry = packed(found, samples_per_shard=1, bad_limit=0.1)
    assert entry["counts"] == {
        "rows": 22, "annotations": 21, "samples": 21, "duplicates": 0, "dropped": {"missing medium": 1},
    }  # fmt: skip
    assert [each["row"] for each in lines(folder / "shards" / "train-dropped.jsonl")] == ["q19"]


def test_a_packing_does_not_go_on_with_other_rows(packed, note, folder):
    packed([note(0), note(1)], samples_per_shard=1)
    with pytest.raises(MultigraftError, match="were packed with other rows, what can be used of them; delete train-"):
        packed([note(0)], samples_per_shard=1)
    with pytest.raises(MultigraftError, match="were packed with other samples_per_shard; delete"):
        packed([note(0), note(1)], samples_per_shard=2)
    for path in (folder / "shards").glob("train-*"):
        path.unlink()
    packed([note(0)], samples_per_shard=1)
    manifest = json.loads((folder / "shards" / "manifest.json").read_text())
    assert list(manifest["shards"]) == ["train-000000.tar"]


@pytest.mark.parametrize("rubbish", [b"", b"\0" * 50 + b"\n", b"[1]\n", b"{\n", b"3"])
def test_a_state_that_cannot_be_read_begins_anew(packed, note, folder, capsys, rubbish):
    (folder / "shards").mkdir()
    (folder / "shards" / ".train.packing").write_bytes(rubbish)
    (folder / "shards" / "train-000000.tar").write_bytes(b"of the packing that was lost")
    assert packed([note(0)])["counts"]["samples"] == 1
    assert "train.packing cannot be read: the packing begins anew" in capsys.readouterr().err
    assert not (folder / "shards" / ".train.packing").exists()
    assert open_shard(folder / "shards" / "train-000000.tar").annotation(0).id == "q0"


def test_a_shard_that_only_a_lost_state_knew_is_told(packed, note, folder):
    (folder / "shards").mkdir()
    (folder / "shards" / ".train.packing").write_bytes(b"")
    (folder / "shards" / "train-000001.tar").write_bytes(b"of the packing that was lost")
    with pytest.raises(MultigraftError, match=r"train-000001\.tar is there and is none of this packing"):
        packed([note(0)])
    os.unlink(folder / "shards" / "train-000001.tar")
    assert packed([note(0)])["shards"] == ["train-000000.tar"]


@pytest.mark.parametrize("rubbish", [b"\0\0\0\n", b"[]\n", b'{"shard": 3}\n', b'{"shard": "../a", "facts": {}}\n'])
def test_a_line_of_the_state_that_cannot_be_read_counts_as_cut(packed, note, medium, folder, rubbish):
    medium("a.jpg")
    medium("b.jpg")

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packed([note(0), note(1, "a.jpg"), note(2, "b.jpg")], samples_per_shard=1, report=stop)
    state = folder / "shards" / ".train.packing"
    assert state.read_bytes().count(b"\n") == 3
    with state.open("ab") as file:
        file.write(rubbish)
    entry = packed([note(0), note(1, "a.jpg"), note(2, "b.jpg")], samples_per_shard=1)
    assert entry["shards"] == [f"train-{number:06}.tar" for number in range(3)]


def test_shards_of_others_are_not_overwritten(packed, note, folder):
    (folder / "shards").mkdir()
    (folder / "shards" / "train-000000.tar").write_bytes(b"precious")
    with pytest.raises(MultigraftError, match=r"train-000000\.tar is there and was not packed by this"):
        packed([note(0)])
    assert (folder / "shards" / "train-000000.tar").read_bytes() == b"precious"
