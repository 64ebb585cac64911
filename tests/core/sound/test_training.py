"""Training on pictures, videos, sounds, sounds beside pictures and texts alone, as a user sees it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from multigraft import evaluate

TASKS = ("vqa", "videos", "sounds", "scenes", "notes")


def saved(folder, step=4):
    found = (folder / "checkpoints" / f"{step:08d}").rglob("*.safetensors")
    return {path.name: path for path in found}


def test_every_task_is_learned_and_scored(heard, losses):
    for row in losses(heard.folder)[:4]:
        assert set(row) == {f"train/{task}/loss" for task in TASKS}
    assert {task: report["n"] for task, report in heard.results["tasks"].items()} == {
        "vqa": 10, "videos": 10, "sounds": 7, "scenes": 7,
    }  # fmt: skip
    assert heard.results["data"]["bad"] == 0


def test_adapters_inside_the_encoder_of_sound_learn_of_tasks_with_sound_alone(heard):
    moved = {}
    for task in TASKS:
        tensors = load_file(saved(heard.folder)[f"task-{task}.safetensors"])
        inside = [value for name, value in tensors.items() if name.startswith("audio.") and "/hearing.up" in name]
        assert len(inside) == 4
        moved[task] = all(value.abs().max() > 0 for value in inside)
    assert moved == {"vqa": False, "videos": False, "sounds": True, "scenes": True, "notes": False}


def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(heard, train_hearing, tmp_path, losses):
    train_hearing(tmp_path / "run", heard.inside, "train.steps=2", "eval.split=none")
    train_hearing(tmp_path / "run", heard.inside, resume=True)
    assert losses(tmp_path / "run")[:4] == losses(heard.folder)[:4]
    assert saved(tmp_path / "run").keys() == saved(heard.folder).keys()
    for name, path in saved(heard.folder).items():
        assert saved(tmp_path / "run")[name].read_bytes() == path.read_bytes(), name


def test_micro_batches_change_nothing(heard, train_hearing, tmp_path, losses):
    options = (heard.inside, "eval.split=none", "trunk.backbone.architecture.dropout_rate=0.0", "train.steps=2")
    train_hearing(tmp_path / "whole", *options)
    train_hearing(tmp_path / "pieces", *options, "train.micro_batch=3")
    for ours, theirs in zip(losses(tmp_path / "pieces"), losses(tmp_path / "whole"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_a_run_is_scored_again_as_it_was(heard, tmp_path):
    shutil.copytree(heard.folder, tmp_path / "run")
    evaluate(tmp_path / "run")
    again = json.loads((tmp_path / "run" / "results.json").read_text())
    assert again["tasks"] == heard.results["tasks"]


def test_layers_of_the_encoder_can_be_computed_again(heard, train_hearing, tmp_path, losses):
    train_hearing(tmp_path / "run", heard.inside, "train.checkpointing=true", "train.steps=2", "eval.split=none")
    assert losses(tmp_path / "run")[:2] == losses(heard.folder)[:2]


def test_two_processes_are_as_one(heard, hearing, train_hearing, tmp_path, losses):
    options = (heard.inside, "eval.split=none", "trunk.backbone.architecture.dropout_rate=0.0", "train.steps=2")
    train_hearing(tmp_path / "one", *options)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    words = ["multigraft", "train", str(hearing), "--run", str(tmp_path / "two")]
    words += [word for option in options for word in ("--set", option)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    outcome = subprocess.run(
        [sys.executable, "-m", *launcher, *words], capture_output=True, text=True, env=environment, timeout=240
    )
    assert outcome.returncode == 0, outcome.stderr
    for ours, theirs in zip(losses(tmp_path / "two"), losses(tmp_path / "one"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
