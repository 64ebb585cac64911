"""A run folder has one run that writes to it; its ranks are one."""

import os
import subprocess
import sys

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.locking import only_writer
from multigraft.core.registry.registry import load_registry
from multigraft.core.training.evaluate_saved import evaluate_saved

PLUGIN = """
import sys
from multigraft import hookimpl

@hookimpl
def step_ended(run, step):
    if step == 2:
        print("step two", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def at_step_two(recipe_file, tmp_path):
    """A process that trains, and waits for a line after its second step."""
    (tmp_path / "waiting.py").write_text(PLUGIN)
    words = ["--plugin", tmp_path / "waiting.py", "train", recipe_file, "--run", tmp_path / "run"]
    settings = ["--set=train.steps=3", "--set=train.checkpoint_every=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "multigraft", *map(str, words), *settings],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "step two\n"
    yield process, tmp_path / "run"
    process.kill()
    process.communicate()


def test_others_are_refused_while_it_trains_and_it_ends_well(at_step_two, command, recipe_file, train):
    process, folder = at_step_two
    plugin = folder.with_name("waiting.py")
    resumed = command("--plugin", plugin, "train", "--resume", folder)
    assert resumed.returncode == 2
    assert resumed.stderr.startswith(
        f"{folder} is being written to by process {process.pid} on {os.uname().nodename} (`"
    )
    assert f"train {recipe_file} --run {folder}" in resumed.stderr
    assert resumed.stderr.endswith("; wait until it ends, or name another folder\n")
    for other in (
        lambda: train(folder),
        lambda: train(folder, resume=True),
        lambda: evaluate_saved(folder, load_registry([plugin]), "validation", ()),
    ):
        with pytest.raises(MultigraftError, match=rf"is being written to by process {process.pid} "):
            other()
    process.communicate("\n")
    assert process.returncode == 0
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["00000002", "00000003"]
    assert not list(folder.glob(".*"))
    with pytest.raises(MultigraftError, match="holds a run already"):
        train(folder)


def test_a_killed_one_is_gone_on_with(at_step_two, train):
    process, folder = at_step_two
    process.kill()
    process.wait()
    assert (folder / ".lock.json").exists()
    train(folder, "train.steps=3", resume=True)
    assert not list(folder.glob(".*"))


def test_every_rank_is_refused_and_none_hangs(recipe_file, tmp_path):
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    words = ["multigraft", "train", recipe_file, "--run", tmp_path / "run"]
    with only_writer(tmp_path / "run", ""):
        outcome = subprocess.run([sys.executable, "-m", *launcher, *map(str, words)], capture_output=True, text=True)
    assert outcome.returncode != 0
    assert f"{tmp_path / 'run'} is being written to by process {os.getpid()} " in outcome.stderr
    assert "exitcode  : 2" in outcome.stderr
    assert not list((tmp_path / "run").iterdir())
