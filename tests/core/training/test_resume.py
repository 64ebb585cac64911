"""A run that was stopped goes on with the very next sample, and ends with the same bits as one that was not.

Dropout is on, and images and videos are mixed.
"""

import csv
import json
import shutil
import signal

import pytest
import yaml

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe

SIX = (
    "train.steps=6", "train.checkpoint_every=3", "train.batch=6",
    "eval.every=2", "eval.limit=3", "eval.final_split=none",
)  # fmt: skip
PLUGIN = """
import os
import signal
from multigraft import hookimpl

@hookimpl
def step_ended(run, step):
    if step == 5:
        os.kill(os.getpid(), signal.{name})
"""


def override(*texts):
    return [word for text in texts for word in ("--set", text)]


def without_pace(row):
    return {name: value for name, value in row.items() if name not in ("train/samples_per_second", "train/waiting")}


def left_behind(folder):
    """Everything that training leaves behind, but for the time it took and the plugins that were there."""
    last = folder / "checkpoints" / "00000006"
    facts = json.loads((last / "graft" / "graft.json").read_text())
    with (folder / "metrics.csv").open() as table:
        rows = list(csv.DictReader(table))
    return {
        "metrics": [without_pace(json.loads(line)) for line in (folder / "metrics.jsonl").open()],
        "table": [without_pace(row) for row in rows],
        **{path.relative_to(last).as_posix(): path.read_bytes() for path in last.rglob("*.*")},
        "graft/graft.json": {name: value for name, value in facts.items() if name not in ("plugins", "made_with")},
    }


@pytest.fixture(scope="module", params=["data.features=false", "data.features=true"])
def features(request):
    return request.param


@pytest.fixture(scope="module")
def straight(train, features, tmp_path_factory):
    """Six steps in one go."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder, *SIX, features)
    return folder


@pytest.fixture
def stopped_by(command, recipe_file, tmp_path):
    """A process that gets a signal after its fifth step."""

    def run(name, *overrides):
        plugin = tmp_path / "stopping_plugin.py"
        plugin.write_text(PLUGIN.format(name=name))
        folder = tmp_path / "run"
        words = ["--plugin", plugin, "train", recipe_file, "--run", folder, *override(*SIX, *overrides)]
        return folder, command(*words)

    return run


def test_after_being_killed(straight, features, stopped_by, train):
    folder, outcome = stopped_by("SIGKILL", features)
    assert outcome.returncode == -signal.SIGKILL
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["00000003"]
    assert len((folder / "metrics.jsonl").read_text().splitlines()) >= 4
    begun = json.loads((folder / "environment.json").read_text())["seconds"]
    seconds = train(folder, *SIX, features, resume=True)["seconds"]
    assert left_behind(folder) == left_behind(straight)
    assert ("encode" in begun) == ("encode" in seconds) == (features == "data.features=true")
    assert all(seconds[name] > spent for name, spent in begun.items() if name not in ("make", "check"))


@pytest.mark.parametrize("features", ["data.features=false"], indirect=True, scope="module")
def test_after_ctrl_c(straight, stopped_by, command):
    folder, outcome = stopped_by("SIGINT")
    assert outcome.returncode == 130
    assert "stopping after this step; press Ctrl-C again to stop at once\n" in outcome.stderr
    assert outcome.stderr.endswith(f"stopped\ngo on from the last checkpoint: multigraft train --resume {folder}\n")
    assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == ["00000003", "00000005"]
    resumed = command("train", "--resume", folder, "--plugin", folder.parent / "stopping_plugin.py")
    assert (resumed.returncode, resumed.stdout) == (0, f"{folder}\n")
    assert "step 6/6" in resumed.stderr
    assert "step 5/6" not in resumed.stderr
    assert left_behind(folder) == left_behind(straight)


@pytest.fixture(scope="module")
def half(train, tmp_path_factory):
    """A run that has made three steps."""
    folder = tmp_path_factory.mktemp("half")
    train(folder, *SIX, "train.steps=3")
    return folder


@pytest.fixture
def resume(half, registry, tmp_path):
    """Go on with a copy of the run under other overrides."""
    from multigraft.core.training import session

    folder = tmp_path / "copy"
    shutil.copytree(half, folder)

    def run(*overrides, name="recipe.yaml"):
        recipe = load_recipe(folder / name, overrides, registry)
        return session.train(recipe, registry, folder, resume=True)

    run.folder = folder
    return run


def test_more_steps_are_fine(resume):
    resume("train.steps=5", "train.log_every=2", "tasks.captions.metrics=[exact-match]", "data.threads=1")
    lines = [json.loads(line) for line in (resume.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "train/rate" in line] == [1, 2, 3, 4, 5]
    assert [line["step"] for line in lines if "eval/vqa/exact-match" in line] == [2, 3, 4, 5]
    assert yaml.safe_load((resume.folder / "recipe.yaml").read_text())["train"]["steps"] == 5


def test_a_trunk_that_is_trained_in_place_goes_on_and_is_scored_again(train, command, tmp_path):
    whole = ("graft={train: {backbone: true}}", "train.optimizer={schedule: constant, warmup: 0}", *SIX)
    train(tmp_path / "straight", *whole)
    train(tmp_path / "half", *whole, "train.steps=3")
    train(tmp_path / "half", *whole, resume=True)
    last = "checkpoints/00000006/graft/shared.safetensors"
    assert (tmp_path / "half" / last).read_bytes() == (tmp_path / "straight" / last).read_bytes()
    again = command("eval", tmp_path / "half", "--split", "validation")
    assert again.returncode == 0, again.stderr


def test_a_run_that_is_over_is_only_scored_again_where_that_is_asked_for(resume):
    before = [json.loads(line) for line in (resume.folder / "metrics.jsonl").open()]
    results = resume("eval.final_split=validation", "eval.limit=null")
    assert results["tasks"]["vqa"]["n"] == 10
    assert results["history"]["steps"] == 3
    after = [json.loads(line) for line in (resume.folder / "metrics.jsonl").open()]
    assert [line["step"] for line in after] == [line["step"] for line in before] == [1, 2, 2, 3, 3]
    assert after[-1]["eval/vqa/loss"] != before[-1]["eval/vqa/loss"]  # ten samples, not three


def test_a_changed_recipe_is_refused_with_what_has_changed(resume):
    before = (resume.folder / "recipe.yaml").read_text()
    with pytest.raises(MultigraftError) as caught:
        resume("train.batch=4", "tasks.vqa.weight=2", "train.steps=9", "graft.sharing=single")
    assert str(caught.value).splitlines()[:6] == [
        "a run goes on with the recipe that it began with; these keys have changed:",
        "  tasks.vqa.weight: 1.0 -> 2.0",
        "  graft.sharing.kind: 'half-shared' -> 'single'",
        "  graft.sharing.shared: ['up.*'] -> nothing",
        "  train.batch: 6 -> 4",
        "Put them back, or begin a new run with `--run`. Free to change: "
        + str(caught.value).rpartition("Free to change: ")[2],
    ]
    assert (resume.folder / "recipe.yaml").read_text() == before


def test_a_recipe_changed_by_hand_is_refused_too(resume):
    path = resume.folder / "recipe.yaml"
    path.write_text(path.read_text().replace("seed: 0\n", "seed: 7\n"))
    with pytest.raises(MultigraftError, match=r"train\.seed: 0 -> 7"):
        resume()


def test_fewer_steps_than_were_made_are_refused(resume):
    with pytest.raises(MultigraftError, match=r"the run has made 3 steps, and `train\.steps` is 2"):
        resume("train.steps=2")


def test_other_data_are_refused(resume, shards, tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(shards, copy)
    resume(f"data.root={copy}", "train.steps=4")
    shutil.copy(copy / "pictures-train-000000.tar", copy / "pictures-train-000002.tar")
    with pytest.raises(MultigraftError, match="the training data of vqa, statements, captions are not those"):
        resume(f"data.root={copy}", "train.steps=5")


def test_a_run_without_a_checkpoint_begins_again(half, resume):
    shutil.rmtree(resume.folder / "checkpoints")
    before = json.loads((resume.folder / "results.json").read_text())["seconds"]
    results = resume()
    assert all(results["seconds"][name] > before[name] for name in ("train", "total"))
    again, before = (
        [without_pace(json.loads(line)) for line in (folder / "metrics.jsonl").open()]
        for folder in (resume.folder, half)
    )
    assert again == before


@pytest.mark.parametrize("file", ["state/state.json", "state/optimizer.safetensors", "graft/shared.safetensors"])
def test_a_damaged_checkpoint_is_named(resume, file):
    path = resume.folder / "checkpoints" / "00000003" / file
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MultigraftError, match=path.name):
        resume("train.steps=4")


def test_a_folder_that_is_no_run(command, tmp_path):
    outcome = command("train", "--resume", tmp_path)
    assert (outcome.returncode, outcome.stderr) == (
        2, f"{tmp_path} is not the folder of a run: it has no recipe.yaml\n",
    )  # fmt: skip
