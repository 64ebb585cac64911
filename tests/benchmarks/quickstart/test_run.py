"""Pieces of the benchmark are trained one after the other, each kept when it is done, and none twice."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from multigraft.core.data.shard_writer import ShardWriter
from multigraft.core.types.annotation import Annotation, Record, ScoredAnswer

RECIPE = """\
trunk:
  backbone:
    kind: t5
    weights: random
    architecture: {vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 1,
                   num_heads: 2, decoder_start_token_id: 0}
tasks:
  vqa:
    kind: visual-question-answering
    data: {train: [train-*.tar], validation: [validation-*.tar]}
    evaluator: {kind: generate, max_tokens: 6}
graft: {adapters: [{kind: bottleneck, width: 4}], sharing: single}
train: {steps: 2, batch: 4, checkpoint_every: 1}
data: {root: not-here}
"""
LONG = "train={steps: 100000, batch: 4, checkpoint_every: 100000}"


@pytest.fixture(scope="module")
def project(tmp_path_factory, copied):
    """A copy of the benchmark, whose pieces are of a tiny recipe, with shards of a question each."""
    project = tmp_path_factory.mktemp("project")
    folder = copied(project)
    recipe = project / "tiny.yaml"
    recipe.write_text(RECIPE)
    with (folder / "pieces.py").open("a") as table:
        for name, override in (("quickstart", "train.batch=4"), ("variant", "train.batch=2"), ("long", LONG)):
            table.write(f"RECIPES[{name!r}] = ({str(recipe)!r}, {override!r})\n")
    for split in ("train", "validation"):
        with ShardWriter(project / "shards", split, samples_per_shard=6) as writer:
            for number in range(6):
                answer = (ScoredAnswer(text="red"),)
                question = Annotation(id=f"{split}-{number}", task="vqa", text="which colour?", answers=answer)
                writer.write(str(number), Record(id=str(number), source="plain", annotations=(question,)), {})
    return folder


@pytest.fixture(scope="module")
def run(project, script):
    """Run the script over the project's shards."""
    return lambda *words: script(project / "run.py", "--data", project.parents[1] / "shards", "--runs", "runs", *words)


@pytest.fixture(scope="module")
def first(run):
    """A variant that is trained and kept."""
    return run("variant-3")


def runs(project):
    return project.parents[1] / "runs"


def test_a_piece_is_kept_with_its_seed_its_overrides_and_what_made_it(project, first):
    assert first.returncode == 0, first.stderr
    kept = json.loads((project / "variant-3.json").read_text())
    results = json.loads((runs(project) / "variant-3" / "results.json").read_text())
    assert {key: kept[key] for key in results} == results
    assert (kept["piece"]["name"], kept["piece"]["seed"]) == ("variant", 3)
    assert (kept["recipe"]["train"]["seed"], kept["recipe"]["train"]["batch"]) == (3, 2)
    assert "root" not in kept["recipe"]["data"]
    assert kept["environment"]["processors"] >= kept["environment"]["threads"] >= 1
    assert "torch" in kept["environment"]["libraries"]
    assert list(kept["trunk"]) == ["backbone"]


def test_the_time_is_told_when_a_piece_is_done(first):
    begun, done, last = first.stdout.splitlines()
    assert begun == "variant-3: piece 1 of 1"
    assert done.startswith("variant-3: make 0 s, check ")
    assert "train " in done
    assert "(save " in done
    assert last == "Next: python benchmarks/quickstart/collect.py"


def test_what_is_there_is_skipped_and_the_table_can_be_made(project, first, run, script):
    before = {path.name: path.stat().st_mtime_ns for path in project.glob("*.json")}
    outcome = run("variant-3")
    assert outcome.stdout.splitlines()[0] == "variant-3: variant-3.json is there"
    assert {path.name: path.stat().st_mtime_ns for path in project.glob("*.json")} == before
    assert script(project / "collect.py").returncode == 0


def test_a_run_that_was_begun_goes_on(project, first, run):
    """Stopped after a step, before it was scored."""
    (project / "variant-3.json").unlink()
    folder = runs(project) / "variant-3"
    whole = json.loads((folder / "results.json").read_text())
    (folder / "results.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "00000002")
    outcome = run("variant-3")
    assert outcome.returncode == 0, outcome.stderr
    assert "step 2/2" in outcome.stderr
    assert "step 1/2" not in outcome.stderr
    kept = json.loads((project / "variant-3.json").read_text())
    assert (kept["tasks"], kept["step"]) == (whole["tasks"], 2)
    assert kept["seconds"]["total"] > 0


def test_ctrl_c_lets_a_piece_save(project, run):
    words = [sys.executable, "run.py", "long-0", "--data", project.parents[1] / "shards", "--runs", runs(project)]
    with subprocess.Popen(words, cwd=project, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        told = next(line for line in process.stderr if line.startswith("step "))
        os.killpg(process.pid, signal.SIGINT)
        *_, last = process.stderr
    assert told.startswith("step 1/100000")
    assert (process.returncode, last) == (1, "long-0 ended with exit code 130; the same command goes on with it\n")
    assert list((runs(project) / "long-0" / "checkpoints").iterdir())
    assert not (project / "long-0.json").exists()


def test_what_another_recipe_made_is_said_and_not_gone_on_with(project, first, run):
    recipe = project.parents[1] / "tiny.yaml"
    recipe.write_text(RECIPE.replace("width: 4", "width: 8"))
    outcome = run("variant-3")
    assert outcome.stdout.startswith(
        "variant-3: variant-3.json is there, but since it was made these have changed: graft.adapters; remove it "
    )
    (project / "variant-3.json").rename(project / "kept")
    outcome = run("variant-3")
    (project / "kept").rename(project / "variant-3.json")
    recipe.write_text(RECIPE)
    assert outcome.returncode == 1
    assert outcome.stderr == "runs/variant-3 was begun with another recipe than today's (graft.adapters); remove it\n"


def test_a_piece_that_fails_ends_it_and_is_not_kept(project, run, first):
    outcome = run("quickstart-4", "--data", project)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1].startswith("quickstart-4 ended with exit code 2; ")
    assert not (project / "quickstart-4.json").exists()


def test_a_name_that_is_no_piece(run):
    outcome = run("quickstart")
    assert outcome.returncode == 2
    assert "'quickstart' is no piece: NAME-SEED with a name of quickstart, blind, random-trunk, " in outcome.stderr
