"""A plugin of another distribution, installed by pip, without an edit of ours; it has a component of every kind."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from safetensors.torch import load_file

from multigraft.core.registry.hookspecs import KINDS

SOURCE = Path(__file__).parents[2] / "thirdparty" / "multigraft-sample" / "src" / "multigraft_sample"
COMPONENTS = {
    "visual_encoders": "patch-colours",
    "encoders": "note-table",
    "backbones": "byte-decoder",
    "prompt_generators": "mean-token",
    "adapters": "channel-scale",
    "sharing": "first-letter-groups",
    "objectives": "word-order",
    "evaluators": "two-tries",
    "inputs": "notes",
    "video_decoders": "motion-jpeg",
    "tasks": "image-colour",
    "metrics": "length-ratio",
    "samplers": "first-alone",
    "search_strategies": "greedy",
    "sources": "question-lines",
    "answer_formats": "plain-lines",
    "loggers": "newest",
    "engines": "threads",
}


@pytest.fixture(scope="module")
def multigraft(thirdparty_folder, tmp_path_factory):
    """Run `multigraft ...` with the third party's distribution importable, in a folder of its own."""
    folder = tmp_path_factory.mktemp("thirdparty-runs")

    def run(*arguments):
        paths = [str(thirdparty_folder), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        command = [sys.executable, "-m", "multigraft", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)

    run.folder = folder
    return run


@pytest.fixture(scope="module")
def trained(multigraft):
    """The folder of a run of its recipe, which makes its data by its command."""
    outcome = multigraft("train", "sample", "--run", "run")
    assert outcome.returncode == 0, outcome.stderr
    return SimpleNamespace(folder=multigraft.folder / "run", told=outcome.stderr)


def json_of(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize(("name", "most"), [("channel_scale", 30), ("first_letter_groups", 15), ("byte_decoder", 120)])
def test_what_a_component_costs_in_lines(name, most):
    assert len((SOURCE / f"{name}.py").read_text().splitlines()) <= most


def test_it_has_one_component_of_every_kind(multigraft):
    plugins = json.loads(multigraft("plugins", "list", "--json").stdout)
    sample = next(plugin for plugin in plugins if plugin["name"] == "sample")
    assert (sample["distribution"], sample["version"], sample["state"]) == ("multigraft-sample", "0.1.0", "loaded")
    assert {one["kind"]: one["name"] for one in sample["components"]} == COMPONENTS
    assert tuple(COMPONENTS) == KINDS


def test_its_recipe_names_every_component_but_the_engine():
    named = set(re.findall(r"[a-z][a-z-]+", (SOURCE / "recipes" / "sample.yaml").read_text()))
    for_commands = {COMPONENTS[kind] for kind in ("sources", "answer_formats", "engines")}
    assert set(COMPONENTS.values()) - named == for_commands


def test_its_options_are_checked(multigraft):
    shown = multigraft("show", "--shape", "sample", "--json")
    recipe = json.loads(shown.stdout)["recipe"]
    assert recipe["graft"]["adapters"][0]["start"] == 0.5
    assert recipe["tasks"]["colour"]["prefix"] == "colour: "
    wrong = multigraft("show", "--shape", "sample", "--set", "graft.adapters.0.start=high")
    assert wrong.returncode == 2
    assert "command line: graft.adapters.0.start: expected a number, got 'high'" in wrong.stderr


def test_it_may_be_switched_off(multigraft):
    shutil.copy(SOURCE / "recipes" / "sample.yaml", multigraft.folder / "copy.yaml")
    outcome = multigraft("--no-plugin", "multigraft-sample", "show", "copy.yaml")
    assert outcome.returncode == 2
    assert "no adapter named 'channel-scale'" in outcome.stderr
    assert "plugin 'sample' did not load: switched off by --no-plugin" in outcome.stderr


def test_the_doctor_finds_it_well(multigraft):
    outcome = multigraft("plugins", "doctor", "--json")
    assert [finding for finding in json.loads(outcome.stdout)["findings"] if finding["plugin"] == "sample"] == []


def test_a_recipe_of_all_its_components_is_checked_and_trains(multigraft, trained):
    checked = multigraft("check", "sample")
    assert checked.returncode == 0, checked.stderr
    assert "making it by `multigraft data sample sample-data`" in trained.told
    results = json_of(trained.folder / "results.json")
    assert set(results["tasks"]["colour"]) >= {"length-ratio", "exact-match"}
    assert results["tasks"]["tune"]["n"] == 12
    assert results["history"]["steps"] == 2
    scalars = json_of(trained.folder / "newest.json")
    assert scalars["step"] == 2
    assert {name for name in scalars if "order" in name} == {"train/colour/word-order/loss"}


def test_its_strategy_searches(multigraft):
    made = multigraft("data", "sample", "sample-data")
    assert made.returncode == 0, made.stderr
    searched = multigraft("search", "sample", "--run", "searched", "--set", "train.steps=60", "--set",
                          "tasks.colour.objective=generation", "--json")  # fmt: skip
    assert searched.returncode == 0, searched.stderr
    report = json.loads(searched.stdout)
    assert report["strategy"] == {"kind": "greedy", "draws": 5, "explored": 0.2}
    start = report["choices"]["start"]
    assert start["chosen"] == start["values"][start["preferences"].index(max(start["preferences"]))]
    assert sum(start["scored"]) == 5 * report["steps"]


def test_its_source_is_packed(multigraft):
    (multigraft.folder / "rising.notes").write_text("60 62 64")
    (multigraft.folder / "tunes.txt").write_text("rising.notes: up or down? up\nno question\n")
    words = ("tunes.txt", "packed", "--kind", "question-lines", "--task", "tune", "--bad-limit", "0.5", "--json")
    outcome = multigraft("data", "pack", *words)
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["counts"]["dropped"] == {"no question": 1}
    packed = json.loads(multigraft("data", "inspect", "packed", "--json").stdout)
    [record] = packed["records"]
    assert record["fields"] == ["json", "notes"]
    assert record["annotation"]["answers"] == [{"text": "up"}]


def test_its_form_of_answers_is_written(multigraft, trained):
    shards = sorted((multigraft.folder / "sample-data").glob("*.tar"))
    words = ("--task", "tune", "--format", "plain-lines", "--output", "answers.txt")
    outcome = multigraft("predict", "run", *words, *(word for shard in shards for word in ("--shards", shard)))
    assert outcome.returncode == 0, outcome.stderr
    lines = (multigraft.folder / "answers.txt").read_text().splitlines()
    assert len(lines) >= 12
    assert all(re.fullmatch(r"\S+: .*", line) for line in lines)


def test_its_graft_holds_what_its_rule_says(trained):
    graft = trained.folder / "checkpoints" / "00000002" / "graft"
    assert {path.name for path in graft.glob("*.safetensors")} == {
        "shared.safetensors", "group-c.safetensors", "group-t.safetensors", "task-colour.safetensors",
    }  # fmt: skip
    scales = load_file(graft / "group-c.safetensors")
    assert len(scales) == 4
    assert all(0.4 < float(value.mean()) < 0.6 and len(value.unique()) > 1 for value in scales.values())
    facts = json_of(graft / "graft.json")
    assert facts["plugins"]["sample"] == "0.1.0"
    state = trained.folder / "checkpoints" / "00000002" / "state"
    kept = {name: value for path in state.glob("*.safetensors") for name, value in load_file(path).items()}
    share = next(value for name, value in kept.items() if name.endswith("colour/word-order/right"))
    assert 0 < float(share) < 0.02  # it moves by a hundredth in each of two steps


def test_its_sampler_gives_the_first_task_a_step_of_its_own(trained):
    assert json_of(trained.folder / "results.json")["cut"]["colour"]["n"] == 6 + 3


def test_its_run_goes_on_where_it_was_left(multigraft, trained):
    left = multigraft.folder / "left"
    shutil.copytree(trained.folder, left)
    shutil.rmtree(left / "checkpoints" / "00000002")
    (left / "results.json").unlink()
    outcome = multigraft("train", "--resume", "left")
    assert outcome.returncode == 0, outcome.stderr
    assert "step 1/2" not in outcome.stderr
    own = sorted((trained.folder / "checkpoints" / "00000002").rglob("*.safetensors"))
    assert len(own) >= 4
    for path in own:
        assert (left / path.relative_to(trained.folder)).read_bytes() == path.read_bytes(), path


def test_its_run_is_scored_again(multigraft, trained):
    before = json_of(trained.folder / "results.json")["tasks"]
    outcome = multigraft("eval", "run", "--split", "validation", "--json")
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["tasks"] == before


def test_its_run_answers_questions_about_files(multigraft, trained):
    (multigraft.folder / "rising.notes").write_text("60 62 64")
    question = {"id": "1", "task": "tune", "text": "up or down?", "media": ["rising.notes"]}
    (multigraft.folder / "questions.jsonl").write_text(json.dumps(question))
    outcome = multigraft("predict", "run", "--input", "questions.jsonl", "--output", "answers.jsonl")
    assert outcome.returncode == 0, outcome.stderr
    answer = json.loads((multigraft.folder / "answers.jsonl").read_text())
    assert answer["id"] == "1"
    assert answer["score"] >= answer["others"][0][1]


def test_its_hook_trains_on_another_loss_in_runs_that_require_it(multigraft, trained):
    recipe = yaml.safe_load((SOURCE / "recipes" / "sample.yaml").read_text())
    assert recipe["plugins"] == {"require": ["sample"]}
    outcome = multigraft("train", "sample", "--run", "plain", "--set", "plugins.require=[]")
    assert outcome.returncode == 0, outcome.stderr
    name = "checkpoints/00000001/graft/shared.safetensors"
    scaled, plain = (load_file(multigraft.folder / run / name) for run in ("run", "plain"))
    assert scaled.keys() == plain.keys()
    assert any(not scaled[key].equal(plain[key]) for key in scaled)


def test_its_run_needs_it(multigraft, trained):
    outcome = multigraft("--no-plugin", "sample", "predict", "run", "--task", "tune", "--text", "up?")
    assert outcome.returncode == 2
    assert "switched off by --no-plugin" in outcome.stderr
