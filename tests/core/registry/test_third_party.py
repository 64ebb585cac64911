"""A plugin of another distribution, installed by pip, without an edit of ours."""

import json
import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

RECIPE = """
trunk:
  encoder: {kind: timm, model: test_efficientnet, weights: random, size: 64}
  backbone:
    kind: t5
    weights: random
    architecture: {vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 1, num_heads: 2}
  prompt: {kind: linear, tokens: 4}
tasks:
  colour: {kind: image-colour, data: &data {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]},
           annotations: vqa, metrics: [length-ratio, exact-match], evaluator: {kind: generate, max_tokens: 4}}
  count: {kind: sample/image-colour, data: *data, annotations: captions, evaluator: {kind: generate, max_tokens: 4}}
  shade: {kind: image-colour, data: *data, annotations: vqa, evaluator: {kind: generate, max_tokens: 4}}
graft:
  adapters: [{kind: channel-scale, start: 0.5}]
  sharing: first-letter-groups
train: {steps: 2, batch: 6}
"""


@pytest.fixture
def multigraft(thirdparty_folder, tmp_path):
    """Run `multigraft ...` with the third party's distribution importable."""

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(thirdparty_folder)}
        command = [sys.executable, "-m", "multigraft", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    return run


def test_its_components_are_listed(multigraft):
    plugins = json.loads(multigraft("plugins", "list", "--json").stdout)
    sample = next(plugin for plugin in plugins if plugin["name"] == "sample")
    assert (sample["distribution"], sample["version"], sample["state"]) == ("multigraft-sample", "0.1.0", "loaded")
    assert [(one["kind"], one["name"]) for one in sample["components"]] == [
        ("adapters", "channel-scale"),
        ("sharing", "first-letter-groups"),
        ("tasks", "image-colour"),
        ("metrics", "length-ratio"),
    ]


def test_a_recipe_may_name_them_and_their_options_are_checked(multigraft, tmp_path):
    (tmp_path / "sample.yaml").write_text(RECIPE)
    shown = multigraft("show", "--shape", "sample.yaml", "--json")
    recipe = json.loads(shown.stdout)["recipe"]
    assert recipe["graft"]["adapters"][0]["start"] == 0.5
    assert recipe["tasks"]["colour"]["prefix"] == "colour: "
    wrong = multigraft("show", "--shape", "sample.yaml", "--set", "graft.adapters.0.start=high")
    assert wrong.returncode == 2
    assert "command line: graft.adapters.0.start: expected a number, got 'high'" in wrong.stderr


def test_it_may_be_switched_off(multigraft, tmp_path):
    (tmp_path / "sample.yaml").write_text(RECIPE)
    outcome = multigraft("--no-plugin", "multigraft-sample", "show", "sample.yaml")
    assert outcome.returncode == 2
    assert "no adapter named 'channel-scale'" in outcome.stderr
    assert "plugin 'sample' did not load: switched off by --no-plugin" in outcome.stderr


def test_the_doctor_finds_it_well(multigraft):
    outcome = multigraft("plugins", "doctor", "--json")
    assert [finding for finding in json.loads(outcome.stdout) if finding["plugin"] == "sample"] == []


def test_a_recipe_that_uses_all_four_of_its_components_trains(multigraft, shards, tmp_path):
    (tmp_path / "sample.yaml").write_text(RECIPE)
    outcome = multigraft("train", "sample.yaml", "--run", "run", "--set", f"data.root={shards}")
    assert outcome.returncode == 0, outcome.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert set(results["tasks"]["colour"]) >= {"length-ratio", "exact-match"}
    assert results["history"]["steps"] == 2
    graft = tmp_path / "run" / "checkpoints" / "00000002" / "graft"
    assert {path.name for path in graft.glob("*.safetensors")} == {
        "shared.safetensors", "group-c.safetensors", "group-s.safetensors",
    }  # fmt: skip
    scales = load_file(graft / "group-s.safetensors")
    assert len(scales) == 5
    assert all(0.4 < float(value.mean()) < 0.6 and len(value.unique()) > 1 for value in scales.values())
    facts = json.loads((graft / "graft.json").read_text())
    assert facts["plugins"]["sample"] == "0.1.0"
    asked = [row["text"] for row in map(json.loads, (tmp_path / "run" / "predictions" / "count.jsonl").open())]
    assert len(asked) == 10


def test_its_run_needs_it(multigraft, shards, tmp_path):
    (tmp_path / "sample.yaml").write_text(RECIPE)
    words = ("train", "sample.yaml", "--set", f"data.root={shards}")
    outcome = multigraft("--no-plugin", "sample", *words)
    assert outcome.returncode == 2
    assert "plugin 'sample' did not load: switched off by --no-plugin" in outcome.stderr
    assert not (tmp_path / "runs").exists()
