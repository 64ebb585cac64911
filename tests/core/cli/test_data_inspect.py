import gzip
import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from multigraft.core.cli.data_inspect import inspect
from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.errors import MultigraftError
from multigraft.core.types.annotation import Annotation, Record


@pytest.fixture
def shard(tmp_path):
    with ShardWriter(tmp_path, "a") as writer:
        for number in range(4):
            note = Annotation(id=f"q{number}", task="vqa", type="colour", text="which [red] colour?", media=("jpg",))
            writer.write(
                f"k{number}", Record(id=f"k{number}", source="made", annotations=(note,)), {"jpg": b"x" * 2000}
            )
    return tmp_path / "a-000000.tar"


def test_json_tells_all(shard):
    found = json.loads(CliRunner().invoke(inspect, [str(shard), "--json"]).stdout)
    assert (found["samples"], found["problems"]) == (4, [])
    assert found["fields"][1] == {"field": "jpg", "files": 4, "bytes": 8000, "smallest": 2000, "largest": 2000}
    assert found["annotations"] == [{"task": "vqa", "source": "made", "type": "colour", "annotations": 4}]
    assert [record["key"] for record in found["records"]] == ["k0", "k1", "k2"]
    assert found["records"][0]["annotation"]["text"] == "which [red] colour?"


def test_the_table_is_for_people(shard):
    shown = CliRunner().invoke(inspect, [str(shard)]).stdout
    for piece in ("4 samples", "jpg", "8,000", "colour", "which [red] colour?"):
        assert piece in shown


def test_a_cut_shard_shows_its_problem(shard):
    shard.write_bytes(shard.read_bytes()[:12_000])
    found = json.loads(CliRunner().invoke(inspect, [str(shard), "--json"]).stdout)
    assert found["samples"] == 3
    assert [(problem["key"], problem["reason"]) for problem in found["problems"]] == [("k3", "cut tar")]
    assert "cut tar" in CliRunner().invoke(inspect, [str(shard)]).stdout


def test_a_missing_shard_is_an_error(tmp_path):
    result = CliRunner().invoke(inspect, [str(tmp_path / "none.tar")])
    assert isinstance(result.exception, MultigraftError)


@pytest.fixture
def folder(shard):
    """The shard, a copy of it, and files that are none, named as if they were."""
    folder = shard.parent
    (folder / "a-000001.tar").write_bytes(shard.read_bytes())
    (folder / "packed.tar").write_bytes(gzip.compress(shard.read_bytes(), mtime=0))
    (folder / "page.tar").write_text("<html>404 not found</html>")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def told(*arguments):
    result = CliRunner().invoke(inspect, [*map(str, arguments), "--json"])
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_folder_is_told_file_by_file_and_in_total(folder):
    found = told(folder)
    kinds = {Path(file["shard"]).name: file["kind"] for file in found["files"]}
    assert kinds == {
        "a-000000.tar": "shard", "a-000001.tar": "shard", "packed.tar": "compressed with gzip",
        "page.tar": "a web page",
    }  # fmt: skip
    assert (found["samples"], found["annotations"][0]["annotations"], found["fields"][1]["bytes"]) == (8, 8, 16_000)
    assert [(Path(each["shard"]).name, each["reason"]) for each in found["problems"]] == [
        ("packed.tar", "no shard"), ("page.tar", "no shard"),
    ]  # fmt: skip
    shown = CliRunner().invoke(inspect, [str(folder)]).stdout
    for piece in ("4 files", "8 samples", "packed.tar", "compressed with gzip", "a web page", "`gzip -d`"):
        assert piece in shown


def test_what_is_named_like_a_shard_and_is_no_file_is_told(folder):
    (folder / "x.tar").mkdir()
    (folder / "y.tar").symlink_to("nowhere")
    os.mkfifo(folder / "z.tar")
    found = told(folder)
    kinds = {Path(file["shard"]).name: file["kind"] for file in found["files"]}
    assert (kinds["x.tar"], kinds["y.tar"]) == ("a folder", "a link to what is not there")
    assert kinds["z.tar"] == "a pipe, a socket or a device"
    assert found["samples"] == 8
    assert sum(problem["reason"] == "no shard" for problem in found["problems"]) == 5


def test_a_name_that_is_no_text_is_told(folder):
    os.rename(folder / "page.tar", os.fsencode(folder) + b"/p\xe9.tar")
    kinds = {Path(file["shard"]).name: file["kind"] for file in told(folder)["files"]}
    assert kinds["p\\udce9.tar"] == "a web page"


def test_patterns_and_several_files_are_taken_each_once(folder):
    assert told(folder / "a-{000000..000001}.tar")["samples"] == 8
    assert told(folder / "a-*.tar", folder / "a-000000.tar")["samples"] == 8
    assert told(folder / "a-000000.tar", folder / "page.tar")["kind"] == "1 x shard, 1 x a web page"


def test_where_nothing_is_the_error_says_what_there_is(tmp_path):
    (tmp_path / "features").mkdir()
    for argument, message in (
        (tmp_path, "is a folder without tars; it holds features"), (tmp_path / "features", "is an empty folder"),
        (tmp_path / "*.tar", "names no file"), (tmp_path / "{0..99999999}.tar", "names 100,000,000 shards"),
        (tmp_path / "{a,b}.tar", r"cannot read the shard .*a\.tar: No such.*\n.*b\.tar: No"),
    ):  # fmt: skip
        result = CliRunner().invoke(inspect, [str(argument)])
        assert isinstance(result.exception, MultigraftError)
        assert re.search(message, str(result.exception))


def test_every_path_that_is_not_there_is_told_and_the_others_are_shown(folder):
    words = [folder / "none.tar", folder / "a-000000.tar", folder / "x-*.tar", folder / "a-{000001,000002}.tar"]
    result = CliRunner().invoke(inspect, [*map(str, words), "--json"])
    assert result.exit_code == 1
    assert [Path(file["shard"]).name for file in json.loads(result.stdout)["files"]] == [
        "a-000000.tar", "a-000001.tar",
    ]  # fmt: skip
    assert result.stderr.splitlines() == [
        f"cannot read the shard {folder}/none.tar: No such file or directory",
        f"{folder}/x-*.tar names no file",
        f"cannot read the shard {folder}/a-000002.tar: No such file or directory",
    ]


def test_what_cannot_be_used_is_counted_on_stderr(folder, bad_tar):
    bad_tar(folder / "bad.tar")
    result = CliRunner().invoke(inspect, [str(folder / "bad.tar"), str(folder / "a-000000.tar")])
    assert result.exit_code == 0
    assert "problems in the data: 2 x bad annotation, 1 x missing field; the first: " in result.stderr
    assert f"{folder}/bad.tar#k" in result.stderr
    assert CliRunner().invoke(inspect, [str(folder / "a-000000.tar")]).stderr == ""


def test_a_file_that_is_no_shard_is_named_once(folder):
    (folder / "none.tar").symlink_to("nowhere")
    result = CliRunner().invoke(inspect, [str(folder / "none.tar")])
    assert (
        f"1 x no shard; the first: {folder}/none.tar: it is a link to what is not there, not a file; " in result.stderr
    )


def test_stored_features_are_called_so(tmp_path):
    with ShardWriter(tmp_path, "a") as writer:
        writer.write("k", None, {"features.safetensors": b"12345678"})
    found = told(tmp_path / "a-000000.tar")
    assert (found["kind"], found["problems"]) == ("shard of stored features", [])


def test_help_has_an_example():
    assert "Example: multigraft data inspect" in CliRunner().invoke(inspect, ["--help"]).stdout
