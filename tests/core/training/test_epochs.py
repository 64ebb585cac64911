"""Trainings whose length is given in epochs, with batches of one task: the steps are known when the data are opened."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml
from safetensors.torch import load_file
from torch.testing import assert_close

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.recipe.writing import dump_recipe

ONE_TASK = "train.sampler={kind: one-task, batches: {vqa: 4, captions: 7}}"
LENGTH = ("train.steps=null", "train.epochs=2")
OWN = (ONE_TASK, "train.batch=5", "train.log_every=1", "eval.split=none", "train.optimizer.warmup=0.25")


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    """Two epochs in one go."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder, *LENGTH, *OWN)
    return folder


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def sizes(folder):
    newest = max((folder / "checkpoints").iterdir())
    data = json.loads((newest / "state" / "state.json").read_text())["data"]
    return {task: facts["annotations"] for task, facts in data.items()}


def steps_of_two_epochs(folder):
    return 2 * sum(-(-size // {"vqa": 4, "captions": 7}.get(task, 5)) for task, size in sizes(folder).items())


def test_two_epochs_are_the_batches_of_all_tasks_twice(straight):
    steps = steps_of_two_epochs(straight)
    assert json.loads((straight / "results.json").read_text())["step"] == steps
    learned = [[name for name in line if name.endswith("/loss")] for line in lines(straight)]
    assert len(learned) == steps
    assert all(len(names) == 1 for names in learned)
    assert max(path.name for path in (straight / "checkpoints").iterdir()) == f"{steps:08}"


def test_warm_up_and_schedule_are_of_those_steps(straight):
    rates = [line["train/rate"] for line in lines(straight)]
    peak = round(0.25 * len(rates))
    assert rates.index(max(rates)) in (peak - 1, peak)
    assert rates[-1] == pytest.approx(max(rates) / (len(rates) - peak))


def test_the_saved_recipe_says_epochs(straight, registry):
    written = yaml.safe_load((straight / "recipe.yaml").read_text())["train"]
    assert written["epochs"] == 2
    assert "steps" not in written
    assert load_recipe(straight / "recipe.yaml", (), registry).train.epochs == 2


def test_samples_drawn_are_two_of_each(straight):
    assert json.loads((straight / "results.json").read_text())["data"]["drawn"] == 2 * sum(sizes(straight).values())


def test_a_run_that_made_one_epoch_and_goes_on_without_decay_ends_with_the_same_bits(train, tmp_path):
    flat = (*OWN, "train.optimizer={schedule: constant, warmup: 0}")
    train(tmp_path / "straight", *LENGTH, *flat)
    train(tmp_path / "half", "train.steps=null", "train.epochs=1", *flat)
    shutil.copytree(tmp_path / "half", tmp_path / "finished")
    train(tmp_path / "half", *LENGTH, *flat, resume=True)
    newest = max(path.name for path in (tmp_path / "straight" / "checkpoints").iterdir())
    for path in (tmp_path / "straight" / "checkpoints" / newest).rglob("*.safetensors"):
        other = tmp_path / "half" / path.relative_to(tmp_path / "straight")
        assert other.read_bytes() == path.read_bytes()
    before = (tmp_path / "finished" / "results.json").read_bytes()
    train(tmp_path / "finished", "train.steps=null", "train.epochs=1", *flat, resume=True)
    assert (tmp_path / "finished" / "results.json").read_bytes() == before


def test_stages_may_be_in_epochs(train, recipe_file, registry, tmp_path):
    stages = (
        "train.steps=null",
        "train.stages=[{epochs: 1, tasks: [vqa], sampler: {kind: one-task, batches: {vqa: 4}}}, {steps: 2}]",
    )
    recipe = load_recipe(recipe_file, stages, registry)
    assert [set(stage) & {"steps", "epochs"} for stage in yaml.safe_load(dump_recipe(recipe))["train"]["stages"]] == [
        {"epochs"}, {"steps"},
    ]  # fmt: skip
    results = train(tmp_path, *stages, "train.log_every=1", "eval.split=none")
    assert results["step"] == -(-sizes(tmp_path)["vqa"] // 4) + 2
    more = "train.stages.2={steps: 1}"
    assert train(tmp_path, *stages, more, "train.log_every=1", "eval.split=none", resume=True)["step"] == (
        results["step"] + 1
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("train.steps=3", "train.epochs=2"), "`steps` and `epochs` both say how long; give one of them"),
        (("train.steps=null", "train.stages=[{steps: 3, epochs: 2}]"), "`steps` and `epochs` both say how long"),
        (("train.steps=null", "train.stages=[{rate: 0.1}]"), "a stage says how long it is: `steps` or `epochs`"),
        (("train.steps=null", "train.epochs=1", "train.stages=[{epochs: 1}]"), "give the epochs of each stage"),
        (("train.steps=3", "train.stages=[{epochs: 1}]"), "`steps` is not known before the epochs of its stages are"),
    ],
)
def test_a_length_is_said_once(recipe_file, registry, overrides, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe_file, overrides, registry)


def test_show_says_epochs_and_check_says_their_steps(command, recipe_file, straight):
    options = [word for each in (*LENGTH, *OWN) for word in ("--set", each)]
    shown = command("show", "--shape", recipe_file, *options).stdout
    assert "  epochs: 2\n" in shown
    assert "steps: " not in shown.split("train:")[1].split("eval:")[0]
    outcome = command("check", recipe_file, *options)
    assert outcome.returncode == 0, outcome.stderr
    assert f"its epochs are {steps_of_two_epochs(straight):,} steps" in outcome.stdout + outcome.stderr


def test_two_processes_make_the_steps_of_one(train, recipe_file, tmp_path):
    """A batch of five has three rows for one and two for the other; a last one of one row has none for the other."""
    overrides = (*LENGTH, *OWN, "trunk.backbone.architecture.dropout_rate=0", "train.optimizer.rate=1.0e-3")
    train(tmp_path / "one", *overrides)
    words = ["train", str(recipe_file), "--run", "two", *[word for each in overrides for word in ("--set", each)]]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--", "multigraft"]
    outcome = subprocess.run(
        [sys.executable, "-m", *launcher, *words], capture_output=True, text=True, cwd=tmp_path, env={**os.environ}
    )
    assert outcome.returncode == 0, outcome.stderr
    newest = max((tmp_path / "one" / "checkpoints").iterdir())
    for path in (newest / "graft").rglob("*.safetensors"):
        other = load_file(tmp_path / "two" / path.relative_to(tmp_path / "one"))
        for name, value in load_file(path).items():
            assert_close(other[name], value, atol=1e-5, rtol=1e-4, msg=name)
