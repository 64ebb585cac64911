"""`data encode` runs the encoders once over a recipe's media; the training then finds all of it there."""

import json
import shutil

import pytest
from click.testing import CliRunner

from multigraft.core.cli import cli

FEATURES = ("--set", "data.features=true")


@pytest.fixture
def folder(shards, recipe_file, tmp_path, monkeypatch):
    """A folder of its own with the shards, of which one picture is damaged, and the recipe."""
    shutil.copytree(shards, tmp_path / "shards", ignore=shutil.ignore_patterns("features", "*.index"))
    shard = tmp_path / "shards" / "pictures-train-000000.tar"
    data = bytearray(shard.read_bytes())
    data[data.index(b"IHDR") + 1] = 0
    shard.write_bytes(data)
    shutil.copy(recipe_file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def told(folder):
    """What `data encode --json` says, run in this process, and its lines on stderr."""

    def run(*words):
        arguments = ["data", "encode", "tiny.yaml", "--json", "--set", "data.root=shards", *words]
        outcome = CliRunner().invoke(cli, arguments, prog_name="multigraft")
        assert outcome.exit_code == 0, outcome.output
        return json.loads(outcome.stdout)["visual"], outcome.stderr

    return run


def test_a_second_run_makes_nothing(told):
    first, said = told(*FEATURES)
    assert (first["shards"], first["media"], first["there"], first["made"]) == (8, 66, 0, 66)
    assert first["bad"] == {"not an image": 1}
    assert "encoding media: 66/66" in said
    second, said = told(*FEATURES)
    assert second == first | {"there": 66, "made": 0}
    assert "encoding media" not in said


def test_a_split_alone(told):
    assert told(*FEATURES, "--split", "validation")[0]["made"] == 30
    assert told(*FEATURES)[0]["made"] == 36


def test_the_training_then_starts_at_once(told, train, folder, tmp_path, capsys):
    told(*FEATURES)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "shards" / "features").rglob("*")}
    capsys.readouterr()
    options = ("eval.split=none", f"data.root={folder / 'shards'}", "data.features=true", "data.bad_limit=1")
    results = train(tmp_path / "run", *options)
    assert "encoding media" not in capsys.readouterr().err
    assert results["seconds"]["encode"] >= 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "shards" / "features").rglob("*")} == before


def test_what_people_read_goes_to_stderr_and_the_folders_to_stdout(command, folder):
    outcome = command("data", "encode", "tiny.yaml", "--set", "data.root=shards", *FEATURES, cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    (home,) = outcome.stdout.splitlines()
    assert list((folder / home).glob("pictures-*.tar"))
    line = "visual: 66 media in 8 shards, 0 were there, 66 made, 1 cannot be decoded (1 x not an image)"
    assert line in outcome.stderr.splitlines()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "`data.features` is false, so no training of this recipe would read stored features"),
        ([*FEATURES, "--split", "validaton"], "no task has a split 'validaton'; did you mean 'validation'"),
        ([*FEATURES, "--set", "graft.train.encoder=true"], "stored features are those of an encoder as it was loaded"),
    ],
)
def test_what_it_refuses(folder, words, message):
    arguments = ["data", "encode", "tiny.yaml", "--set", "data.root=shards", *words]
    outcome = CliRunner().invoke(cli, arguments, prog_name="multigraft")
    assert outcome.exit_code == 2
    assert message in outcome.stderr
    assert not (folder / "shards" / "features").exists()
