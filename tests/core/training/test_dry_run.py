"""`train --dry-run` makes two real steps and writes nothing."""

import json
import shutil

import pytest

PLUGIN = """
import sys
from multigraft import hookimpl

def tell(*words):
    print("plugin:", *words, file=sys.stderr)

@hookimpl
def run_started(run):
    tell("started")

@hookimpl
def batch_loaded(run, step, batch):
    tell("batch of step", step, "holds", len(batch.samples))

@hookimpl
def step_ended(run, step):
    tell("step", step)

@hookimpl
def run_ended(run, error):
    tell("ended", error)
"""


@pytest.fixture
def folder(shards, recipe_file, tmp_path):
    """A folder of its own with the shards, which have no index yet, and the recipe."""
    shutil.copytree(shards, tmp_path / "shards", ignore=shutil.ignore_patterns("features", "*.index.json"))
    (tmp_path / "plugin.py").write_text(PLUGIN)
    shutil.copy(recipe_file, tmp_path)
    return tmp_path


def listing(folder):
    paths = [path for path in folder.rglob("*") if path.name != "__pycache__" and path.suffix != ".pyc"]
    return {(path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in paths}


def test_two_steps_that_write_nothing(command, folder):
    before = listing(folder)
    options = ["--set", "data.root=shards", "--set", "data.features=true", "--set", "train.steps=50"]
    outcome = command("--plugin", "plugin.py", "train", "tiny.yaml", "--dry-run", "--json", *options, cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    told = [line.removeprefix("plugin: ") for line in outcome.stderr.splitlines() if line.startswith("plugin: ")]
    assert told == [
        "started", "batch of step 0 holds 8", "step 1", "batch of step 1 holds 8", "step 2", "ended None",
    ]  # fmt: skip
    assert listing(folder) == before
    losses = json.loads(outcome.stdout)["losses"]
    assert list(losses) == ["vqa", "statements", "captions", "videos"]
    assert all(4 < loss < 8 for loss in losses.values())


def test_its_losses_are_those_of_the_real_run(command, folder, trained):
    outcome = command("train", "tiny.yaml", "--dry-run", "--json", cwd=folder)
    real = json.loads((trained.folder / "metrics.jsonl").read_text().splitlines()[1])
    assert json.loads(outcome.stdout)["losses"] == {
        name.split("/")[1]: value for name, value in real.items() if name.endswith("/loss")
    }


def test_data_that_are_not_there_are_not_made(command, folder):
    outcome = command("train", "quickstart", "--dry-run", cwd=folder)
    assert outcome.returncode == 2
    assert outcome.stderr == (
        "data/quickstart has no manifest.json, and a dry run writes nothing: "
        "`multigraft data quickstart data/quickstart`\n"
    )
    assert not (folder / "data").exists()
