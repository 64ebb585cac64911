"""Encoding on Ray: two workers, killed half-way and resumed, give the bytes of an undisturbed run in one process."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed: multigraft[ray]")

WORDS = (sys.executable, "-m", "multigraft", "data", "encode", "tiny.yaml", "--json", "--set", "data.features=true")
RAY = ("--engine", "{kind: ray, workers: 2, processors: 0.5}")


@pytest.fixture
def start(shards, recipe_file, tmp_path):
    """Start `data encode` over a copy of the shards in a folder of its own."""

    def run(name, *words):
        folder = tmp_path / name
        if not folder.exists():
            shutil.copytree(shards, folder / "shards", ignore=shutil.ignore_patterns("features", "*.index"))
            shutil.copy(recipe_file, folder)
        arguments = [*WORDS, "--set", "data.root=shards", *words]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(arguments, text=True, cwd=folder, env=environment, **pipes)

    run.features = lambda name: (tmp_path / name / "shards" / "features").glob("*/*.tar")
    return run


def answer(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return json.loads(out)["visual"]


@pytest.mark.slow
def test_killed_half_way_and_resumed_the_features_are_those_of_an_undisturbed_run(start):
    assert answer(start("undisturbed"))["made"] == 66
    killed = start("resumed", *RAY)
    while not list(start.features("resumed")):
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    made = answer(start("resumed", *RAY))
    assert (made["media"], made["bad"]) == (66, {})
    assert 0 < made["made"] < 66, "the features of a shard at least were there"
    first, second = (
        {path.name: path.read_bytes() for path in start.features(name)} for name in ("undisturbed", "resumed")
    )
    assert len(first) == 8
    assert second == first
