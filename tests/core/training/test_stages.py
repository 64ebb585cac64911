"""Stages of a training: each with its own tasks, sampler and rate, resumed and told like any other training."""

import json
import shutil

import pytest
import yaml

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.training.optimizer import rate_at

PICTURES = "{steps: 2, tasks: [captions, vqa], sampler: round-robin, rate: 0.01, schedule: constant, warmup: 0}"
ALL = "{steps: 2}"
LAST = "{steps: 2, tasks: [statements], rate: 0.001}"
QUIET = ("eval.split=none", "train.checkpoint_every=3")
STOPPING = """
import os, signal
from multigraft import hookimpl

@hookimpl
def step_ended(run, step):
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def stages(*each):
    return f"train.stages=[{', '.join(each)}]"


def without_steps(text):
    return text.replace("steps: 2, ", "", 1)


@pytest.fixture(scope="module")
def staged_recipe(recipe_file, tmp_path_factory):
    """The tiny recipe, with stages in the place of steps."""
    path = tmp_path_factory.mktemp("staged") / "staged.yaml"
    path.write_text(without_steps(recipe_file.read_text()))
    return path


@pytest.fixture(scope="module")
def load(staged_recipe, registry):
    def make(*overrides):
        return load_recipe(staged_recipe, (*QUIET, *overrides), registry)

    return make


@pytest.fixture(scope="module")
def train(load, registry):
    from multigraft.core.training import session

    def run(folder, *overrides, resume=False):
        return session.train(load(*overrides), registry, folder, resume)

    return run


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    """Three stages in one go."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder, stages(PICTURES, ALL, LAST))
    return folder


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def learned(line):
    return {name.split("/")[1] for name in line if name.startswith("train/") and name.endswith("/loss")}


def test_each_stage_draws_its_own_tasks(straight):
    assert [learned(line) for line in lines(straight)] == [
        {"vqa"}, {"captions"}, *[{"vqa", "statements", "captions", "videos"}] * 2, {"statements"}, {"statements"},
    ]  # fmt: skip


def test_each_stage_has_its_own_rate(straight, load):
    recipe = load(stages(PICTURES, "{steps: 4, warmup: 0.5}", LAST))
    rates = [0.01, 0.01, 0.0025, 0.005, 0.005, 0.0025, 0.001, 0.0005]
    assert [rate_at(step, recipe.train) for step in range(8)] == pytest.approx(rates)
    assert [line["train/rate"] for line in lines(straight)][:2] == [0.01, 0.01]


def test_the_steps_are_those_of_the_stages_and_are_written_once(load, staged_recipe, registry, tmp_path):
    recipe = load(stages(PICTURES, ALL, LAST))
    assert recipe.train.steps == 6
    written = dump_recipe(recipe)
    assert "steps" not in yaml.safe_load(written)["train"]
    (tmp_path / "again.yaml").write_text(written)
    assert load_recipe(tmp_path / "again.yaml", (), registry) == recipe
    with pytest.raises(RecipeError, match=r"`steps: 5` is not 2 \+ 2, the steps of its stages; give those alone"):
        load(stages(PICTURES, ALL), "train.steps=5")


def test_a_run_stopped_inside_a_stage_ends_with_the_same_bits(straight, train, command, staged_recipe, tmp_path):
    plugin = tmp_path / "stopping.py"
    plugin.write_text(STOPPING)
    folder = tmp_path / "run"
    words = [word for each in (*QUIET, stages(PICTURES, ALL, LAST)) for word in ("--set", each)]
    command("--plugin", plugin, "train", staged_recipe, "--run", folder, *words)
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["00000003"]
    train(folder, stages(PICTURES, ALL, LAST), resume=True)
    for name in ("graft/shared.safetensors", "state/optimizer.safetensors"):
        last = "checkpoints/00000006"
        assert (folder / last / name).read_bytes() == (straight / last / name).read_bytes()


def test_stages_may_be_added_to_a_run_but_those_that_began_not_changed(straight, train, command, tmp_path):
    folder = tmp_path / "run"
    train(folder, stages(PICTURES, ALL))
    with pytest.raises(MultigraftError, match=r"train\.stages"):
        train(folder, stages(PICTURES.replace("0.01", "0.02"), ALL, LAST), resume=True)
    added = command("train", "--resume", folder, "--set", f"train.stages.2={LAST}")
    assert added.returncode == 0, added.stderr
    assert "stage 3 of 3: steps 5 to 6, rate 0.001, tasks statements\n" in added.stderr
    over = command("train", "--resume", folder)
    assert over.stderr.endswith(
        f"Train longer by `multigraft train --resume {folder} --set 'train.stages.3={{steps: 6}}'`\n"
    )
    last = "checkpoints/00000006/graft/shared.safetensors"
    assert (folder / last).read_bytes() == (straight / last).read_bytes()


def test_a_stage_that_has_not_begun_may_be_changed_or_left_out(straight, command, train, staged_recipe, tmp_path):
    folder = tmp_path / "run"
    words = ("--set", stages(PICTURES, ALL, "{steps: 9, rate: 0.5}"), *(w for each in QUIET for w in ("--set", each)))
    stopping = tmp_path / "stopping.py"
    stopping.write_text(STOPPING)
    command("--plugin", stopping, "train", staged_recipe, "--run", folder, *words)
    with pytest.raises(MultigraftError, match=r"train\.stages.*\n.*, and stages that have not begun"):
        train(folder, stages(PICTURES, "{steps: 3}", LAST), resume=True)
    with pytest.raises(MultigraftError, match=r"train\.stages"):
        train(folder, stages(PICTURES), resume=True)
    shutil.copytree(folder, tmp_path / "shorter")
    train(tmp_path / "shorter", stages(PICTURES, ALL), resume=True)
    assert (tmp_path / "shorter" / "checkpoints" / "00000004").is_dir()
    train(folder, stages(PICTURES, ALL, LAST), resume=True)
    last = "checkpoints/00000006/graft/shared.safetensors"
    assert (folder / last).read_bytes() == (straight / last).read_bytes()


def test_the_loss_is_divided_by_the_weights_of_the_stages_tasks_alone(load, registry, tmp_path):
    from multigraft.core.run.run_setup import open_run
    from multigraft.core.training.loop import Trainer
    from multigraft.core.training.optimizer import make_optimizer

    recipe = load(stages("{steps: 1, tasks: [vqa, captions]}", ALL), "tasks.vqa.weight=3")
    with open_run(recipe, registry, tmp_path) as run:
        trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
        assert trainer.total_weights == [4.0, 6.0]
    recipe = load(stages("{steps: 1, tasks: [vqa]}", ALL), "tasks.vqa.weight=0")
    with open_run(recipe, registry, tmp_path) as run, pytest.raises(MultigraftError, match="every task of stage 1 has"):
        Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))


def test_check_tells_what_is_wrong_with_stages_and_which_task_is_in_none(command, staged_recipe):
    weighted = "{steps: 1, sampler: {kind: weights, weights: {vqa: 1}}, tasks: [vqa]}"
    wrong = "{steps: 1, tasks: [vqa, captoins]}", weighted
    outcome = command("check", "--shape", staged_recipe, "--set", stages(*wrong))
    assert outcome.returncode == 2
    assert "train.stages.0.tasks.1: no task named 'captoins'" in outcome.stderr
    lacking = "{steps: 1, tasks: [vqa, captions], sampler: {kind: weights, weights: {vqa: 1}}}"
    outcome = command("check", staged_recipe, "--set", stages(lacking))
    assert "train.stages.0.sampler.weights: sampler weights: none for captions; 0 leaves a task out" in outcome.stderr
    outcome = command("check", staged_recipe, "--set", stages("{steps: 1, tasks: [vqa, captions]}"))
    assert "note: task 'statements' is in no stage: it is scored, not learned\n" in outcome.stderr
    outcome = command("check", staged_recipe, "--set", stages("{steps: 1, tasks: [vqa, vqa]}"))
    assert "train.stages.0.tasks: a task is named twice" in outcome.stderr
