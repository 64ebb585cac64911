"""The built-in run hooks: what a run went through."""

from types import SimpleNamespace

import pytest

from multigraft.core.registry.registry import load_registry
from multigraft.core.types.batch import Segment

HOOKS = load_registry().hooks


@pytest.fixture
def run(tmp_path):
    """As much of a run as the hooks look at."""
    return SimpleNamespace(folder=tmp_path, results={}, recipe=SimpleNamespace(tasks={"vqa": None, "captions": None}))


def batch_of(*segments):
    return SimpleNamespace(segments=[Segment(*segment) for segment in segments])


def test_samples_steps_and_evaluations_are_kept(run):
    HOOKS.run_started(run=run)
    HOOKS.batch_loaded(run=run, step=0, batch=batch_of(("vqa", 0, 3), ("captions", 3, 4)))
    HOOKS.batch_loaded(run=run, step=1, batch=batch_of(("vqa", 0, 4)))
    HOOKS.step_ended(run=run, step=2, losses={})
    HOOKS.evaluated(run=run, step=2, task="vqa", scores={})
    assert run.results == {"history": {"steps": 2, "samples": {"vqa": 7, "captions": 1}, "scored_at": {"vqa": [2]}}}


def test_a_resumed_run_goes_on_with_its_history(run):
    state = {}
    HOOKS.batch_loaded(run=run, step=0, batch=batch_of(("vqa", 0, 3)))
    HOOKS.checkpoint_saving(run=run, step=1, state=state)
    later = SimpleNamespace(**{**vars(run), "results": {}})
    HOOKS.checkpoint_loaded(run=later, step=1, state=state)
    HOOKS.run_started(run=later)
    HOOKS.batch_loaded(run=later, step=1, batch=batch_of(("vqa", 0, 2)))
    assert later.results["history"]["samples"] == {"vqa": 5, "captions": 0}


def test_an_error_says_how_to_go_on_if_there_is_a_checkpoint(run):
    error = ValueError("no space left")
    HOOKS.run_ended(run=run, error=error)
    assert not hasattr(error, "__notes__")
    (run.folder / "checkpoints" / "10").mkdir(parents=True)
    HOOKS.run_ended(run=run, error=error)
    assert error.__notes__ == [f"go on from the last checkpoint: multigraft train --resume {run.folder}"]
