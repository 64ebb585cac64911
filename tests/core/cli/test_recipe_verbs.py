"""`init`, `check` and `show`."""

import json

from multigraft.core.recipe.loading import load_recipe
from multigraft.core.registry.registry import load_registry


def test_init_writes_a_recipe_that_is_valid(run, tmp_path):
    outcome = run("init", "mine.yaml")
    assert (outcome.exit_code, outcome.stdout) == (0, "mine.yaml\n")
    registry = load_registry()
    assert load_recipe(tmp_path / "mine.yaml", (), registry) == load_recipe("starter", (), registry)


def test_init_does_not_overwrite(run, recipe):
    before = recipe.read_text()
    outcome = run("init", recipe)
    assert outcome.exit_code == 2
    assert "is there already" in outcome.stderr
    assert recipe.read_text() == before


def test_check_of_a_recipe_whose_shape_is_well(run, recipe):
    assert run("check", "--shape", recipe).stdout == f"{recipe}: no problems found\n"
    answer = json.loads(run("check", "--shape", recipe, "--json").stdout)
    assert answer == {"recipe": str(recipe), "problems": []}


def test_check_plans_the_graft_and_opens_the_shards(run, recipe):
    outcome = run("check", recipe)
    assert outcome.exit_code == 2
    assert "this recipe trains nothing" in outcome.stderr
    assert "tasks.vqa.data" in outcome.stderr


def test_check_counts_parameters_and_memory(run):
    facts = json.loads(run("check", "quickstart", "--json").stdout)
    assert facts["problems"] == []
    assert facts["parameters"]["by_owner"]["task:vqa"] == 15 * (24 * 192 + 24)
    assert facts["memory"]["total"] == sum(facts["memory"][name] for name in ("trunk", "graft", "activations"))


def test_check_tells_every_problem(run, recipe):
    outcome = run("check", recipe, "--set", "train.steps=0", "--set", "train.batch=0")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert [line for line in outcome.stderr.splitlines() if line.startswith("command line")] == [
        "command line: train.batch: 0 should be greater than or equal to 1",
        "command line: train.steps: 0 should be greater than or equal to 1",
    ]


def test_check_finds_files_that_are_missing(run, recipe, tmp_path):
    (tmp_path / "a.tar").unlink()
    outcome = run("check", "recipe.yaml", "--set", "tasks.vqa.target_limit=5", "--json")
    (problem,) = json.loads(outcome.stdout)["problems"]
    assert outcome.exit_code == 2
    assert (problem["line"], problem["col"], problem["path"]) == (3, 49, "tasks.vqa.data.0")
    assert problem["message"] == "no file a.tar"


def test_check_names_an_empty_folder_and_counts_missing_shards(run, recipe, tmp_path):
    (tmp_path / "shards").mkdir()
    patterns = '{train: [shards, "b-{0..4}.tar"], test: ["c-{0.tar"]}'
    outcome = run("check", recipe, "--set", f"tasks.vqa.data={patterns}")
    assert "tasks.vqa.data.train.0: no *.tar in the folder shards" in outcome.stderr
    assert "tasks.vqa.data.train.1: no file b-0.tar and 4 more" in outcome.stderr
    assert "tasks.vqa.data.test.0: 'c-{0.tar' has a brace without its partner" in outcome.stderr


def test_data_that_the_recipe_makes_need_not_be_there_yet(run, recipe, tmp_path):
    (tmp_path / "a.tar").unlink()
    assert run("check", "--shape", recipe, "--set", "data.make=data quickstart").exit_code == 0


def test_show_fills_in_defaults(run, recipe):
    assert json.loads(run("show", "--shape", recipe, "--json").stdout)["recipe"]["train"]["steps"] == 1000
    assert "  steps: 5\n" in run("show", "--shape", recipe, "--set", "train.steps=5").stdout


def test_a_recipe_that_is_not_there(run):
    outcome = run("show", "nothing.yaml")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("no recipe 'nothing.yaml': no such file")


SITED = """\
trunk:
  backbone:
    kind: t5
    weights: random
    architecture: {vocab_size: 300, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 4, num_heads: 2}
tasks:
  vqa: {kind: visual-question-answering, data: [a.tar]}
graft:
  adapters:
    - {kind: bottleneck, name: few, width: 4, sites: {stack: [encoder], layer: [0, 1, 3], block: [feed-forward]}}
    - kind: bottleneck
      name: last
      width: 4
      sites: {stack: [decoder], layer: [3], block: [self-attention, cross-attention]}
"""


def test_show_lists_the_sites_of_each_method(run, tmp_path):
    (tmp_path / "sited.yaml").write_text(SITED)
    shown = json.loads(run("show", "sited.yaml", "--json").stdout)["sites"]
    assert shown == [
        {"method": "few", "stack": "encoder", "place": "feed-forward", "layers": [0, 1, 3]},
        {"method": "last", "stack": "decoder", "place": "self-attention", "layers": [3]},
        {"method": "last", "stack": "decoder", "place": "cross-attention", "layers": [3]},
    ]
    told = run("show", "sited.yaml").stderr
    assert "│ few    │ encoder │ feed-forward    │ 0-1, 3 │\n" in told
    assert "│ last.down.weight │ shared │ 2       │ 4x16   │ 128     │\n" in told
