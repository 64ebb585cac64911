"""Two processes over gloo, whose batches hold different tasks, make the steps that one process makes."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from multigraft.core.errors import MultigraftError
from multigraft.core.evaluation.results import read_predictions
from multigraft.core.run.distributed import join_processes

PLUGIN = """
import json
from multigraft import hookimpl
from multigraft.core.graft.bank import hash_tensors

def note(run, **facts):
    with open(f"rank-{run.accelerator.process_index}.jsonl", "a") as file:
        file.write(json.dumps(facts) + "\\n")

@hookimpl
def batch_loaded(run, batch):
    note(run, tasks=[segment.task for segment in batch.segments])

@hookimpl
def step_ended(run, losses):
    note(run, graft=hash_tensors(run.model.graft.bank.trained().values()), losses=losses)
"""
OVERRIDES = (
    "trunk.backbone.architecture.dropout_rate=0", "train.batch=4", "train.steps=3", "train.optimizer.rate=1.0e-3",
    "train.sampler={kind: weights, weights: {vqa: 4, statements: 2, captions: 1, videos: 1}}",
    "eval.controls=[no-media]",
)  # fmt: skip
TASKS = ["vqa", "statements", "captions", "videos"]


@pytest.fixture(scope="module")
def two(recipe_file, tmp_path_factory):
    """A run of two processes, and what each of them noted."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "noting.py").write_text(PLUGIN)
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    options = [word for override in OVERRIDES for word in ("--set", override)]
    words = ["multigraft", "--plugin", "noting.py", "train", str(recipe_file), "--run", "run", *options]
    outcome = subprocess.run(
        [sys.executable, "-m", *launcher, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert outcome.returncode == 0, outcome.stderr
    notes = [[json.loads(line) for line in (folder / f"rank-{rank}.jsonl").open()] for rank in (0, 1)]
    return SimpleNamespace(folder=folder / "run", outcome=outcome, notes=notes)


@pytest.fixture(scope="module")
def one(train, tmp_path_factory):
    """The same run in one process."""
    folder = tmp_path_factory.mktemp("one")
    train(folder, *OVERRIDES)
    return folder


def test_the_grafts_stay_equal_though_the_tasks_differ(two):
    first, second = two.notes
    assert [note["tasks"] for note in first if "tasks" in note] == [["vqa", "statements"]] * 3
    assert [note["tasks"] for note in second if "tasks" in note] == [
        ["vqa", "videos"], ["vqa", "captions"], ["vqa", "videos"],
    ]  # fmt: skip
    steps = [note for note in first if "graft" in note]
    assert steps == [note for note in second if "graft" in note]
    assert len({note["graft"] for note in steps}) == 3
    assert [list(note["losses"])[2:] for note in steps] == [["videos"], ["captions"], ["videos"]]


def test_losses_and_tensors_are_those_of_one_process(two, one):
    ours, theirs = ([json.loads(line) for line in (folder / "metrics.jsonl").open()] for folder in (two.folder, one))
    for mine, other in zip(ours, theirs, strict=True):
        for pace in ("train/samples_per_second", "train/waiting"):
            assert (pace in mine) == (pace in other)
            mine.pop(pace, None), other.pop(pace, None)
        assert mine == pytest.approx(other, rel=1e-5)
    for path in (one / "checkpoints" / "00000003").rglob("*.safetensors"):
        tensors, other = load_file(path), load_file(two.folder / path.relative_to(one))
        assert tensors.keys() == other.keys()
        for name, value in tensors.items():
            assert_close(other[name], value, atol=1e-5, rtol=1e-5, msg=name)


def test_each_annotation_is_scored_once(two, one):
    for task in TASKS:
        ours, theirs = (
            sorted(read_predictions(folder / "predictions" / f"{task}.jsonl"), key=lambda row: row.id)
            for folder in (two.folder, one)
        )
        assert [_without_confidence(row) for row in ours] == [_without_confidence(row) for row in theirs]
        for mine, other in zip(ours, theirs, strict=True):
            assert _confidences(mine) == pytest.approx(_confidences(other), abs=1e-3)
        assert len({row.id for row in ours}) == len(ours) == 10
    ours, theirs = (json.loads((folder / "results.json").read_text()) for folder in (two.folder, one))
    assert ours["tasks"] == theirs["tasks"]
    assert ours["controls"] == theirs["controls"]


def _without_confidence(row):
    return replace(row, confidence=None, others=tuple(answer.text for answer in row.others))


def _confidences(row):
    """Log-probabilities, which differ as the processes' trained weights do: by the order of sums."""
    return [value for value in (row.confidence, *(answer.score for answer in row.others)) if value is not None]


def test_only_the_first_process_writes(two, one):
    def files(folder):
        return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}

    assert files(two.folder) == files(one)
    assert two.outcome.stdout == "run\n"
    assert two.outcome.stderr.count("step 1/3") == 1
    assert "Traceback" not in two.outcome.stderr


def test_processes_that_do_not_meet_are_an_error(monkeypatch):
    assert join_processes().num_processes == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(MultigraftError, match=r"a launcher started 2 processes \(WORLD_SIZE\), and only 1 met"):
        join_processes()
