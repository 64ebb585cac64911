"""Losses are those that were recorded before core was put in rooms; `tests/recorded/README.md` says how."""

import json
import shutil
from pathlib import Path

import pytest

from multigraft.core.evaluation.results import final_results
from multigraft.core.graft.saving import load_graft
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.artifact import open_artifact
from multigraft.core.run.run_setup import open_run

RECORDED = Path(__file__).parents[2] / "recorded"
LOSSES = json.loads((RECORDED / "losses.json").read_text())
ONE_STEP = 1e-5
"""Losses of one step in float32 differ by up to 3e-6 between processors, which add up in other orders."""
STILL = ["eval.every=null", "eval.split=none", "train.log_every=1"]


def backbones(tiny):
    """BART starts wide, as one of this size hardly feels its adapters at transformers' 0.02."""
    wide = {**tiny.BART, "architecture": tiny.BART["architecture"] | {"init_std": 0.3}}
    return {"sapling": {"kind": "sapling"}, "bart": wide, "t5": tiny.T5}


def losses_of(folder):
    """Each step's losses by task."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name.endswith("/loss")} for row in rows]


@pytest.fixture(scope="module")
def recorded_shards(tmp_path_factory):
    """A copy of the shards, as their indices will lie beside them."""
    return shutil.copytree(RECORDED / "shards", tmp_path_factory.mktemp("recorded") / "shards")


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_twenty_steps(name, train, tiny, recorded_shards, tmp_path):
    backbone, _, rule = name.partition(" ")
    overrides = [
        f"trunk.backbone={json.dumps(backbones(tiny)[backbone])}",
        f"graft.sharing={json.dumps(tiny.SHARING[rule])}",
        f"data.root={recorded_shards}",
        "train.steps=20",
    ]
    train(tmp_path / "run", *overrides, *STILL)
    losses = losses_of(tmp_path / "run")
    assert len(losses) == 20
    assert losses[0] == pytest.approx(LOSSES[name][0], rel=ONE_STEP)
    assert losses[-1] == pytest.approx(LOSSES[name][-1], rel=1e-3)


def test_a_recipe_that_was_written_before_loads():
    recipe = load_recipe(RECORDED / "quickstart.yaml")
    assert (recipe.train.steps, recipe.train.sampler.kind) == (1500, "temperature")
    assert recipe.graft.sharing.shared == ["up.*"]
    assert len(recipe.tasks) == 7


@pytest.fixture(scope="module")
def run(tmp_path_factory, recorded_shards):
    """The run folder that was recorded, a graft on a BART with random weights."""
    folder = tmp_path_factory.mktemp("recorded") / "run"
    shutil.copytree(RECORDED / "run", folder)
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("root: shards", f"root: {recorded_shards}"))
    return folder


def test_a_graft_that_was_saved_before_has_the_losses_it_had(run, registry):
    saved = open_artifact(run, registry)
    with open_run(saved.recipe, registry, run) as opened:
        load_graft(saved.graft, opened.model.graft.bank, opened.trunk.fingerprints)
        losses = {task: each["loss"] for task, each in final_results(opened, "validation", [], losses=True).items()}
    assert losses == pytest.approx(json.loads((RECORDED / "scored.json").read_text()), rel=ONE_STEP)
