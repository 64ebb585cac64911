"""Recipes from files and names."""

from pathlib import Path

import pytest

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import find_recipe, load_recipe, shipped_recipes
from multigraft.core.recipe.problems import Problem, RecipeError


def test_a_plain_list_of_data_is_the_training_split(load, good):
    assert load(good).tasks["vqa"].data == {"train": ["a.tar"]}


def test_a_problem_is_data(problems, good):
    (problem,) = problems(good + "train: {stepps: 5}\n")
    hint = problem.hint
    assert problem == Problem(problem.file, 5, 9, "train.stepps", "unknown key 'stepps'", hint, "train: {stepps: 5}")
    assert hint.startswith("did you mean 'steps'?")


def test_every_problem_is_told_in_the_order_of_lines(problems, good):
    found = problems(good + "train: {steps: 0, seed: -1}\neval: {batch: 0}\nx: 1\n")
    assert [(problem.line, problem.path) for problem in found] == [
        (5, "train.steps"), (5, "train.seed"), (6, "eval.batch"), (7, "x"),
    ]  # fmt: skip


def test_problems_deep_in_nested_options_have_their_place(problems):
    text = (
        "trunk: {backbone: sapling}\n"
        "tasks:\n"
        "  vqa:\n"
        "    kind: visual-question-answering\n"
        "    data: [a.tar]\n"
        "    metrics: [{kind: exact-match, normalise: upper}]\n"
        "    objective: {kind: generation, smoothing: 2}\n"
    )
    assert [(p.line, p.col, p.path) for p in problems(text)] == [
        (6, 46, "tasks.vqa.metrics.0.normalise"),
        (7, 46, "tasks.vqa.objective.smoothing"),
    ]


def test_a_merged_value_is_pointed_at_where_it_is_written(problems):
    task = "{kind: image-captioning, data: [a.tar]}"
    text = f"x: &x {{steps: many}}\ntrunk: {{backbone: sapling}}\ntrain: {{<<: *x}}\ntasks: {{v: {task}}}"
    assert [(p.line, p.path) for p in problems(text)] == [(1, "x"), (1, "train.steps")]


def test_overrides_replace_values_and_make_sections(load, good):
    recipe = load(good, "train.optimizer.rate=2e-3", "graft.sharing=per-task", "tasks.vqa.data.0=b.tar")
    assert recipe.train.optimizer.rate == 2e-3
    assert recipe.graft.sharing.kind == "per-task"
    assert recipe.tasks["vqa"].data == {"train": ["b.tar"]}


def test_an_override_below_a_bare_name_keeps_the_name(load, good):
    recipe = load(good + "graft: {sharing: half-shared}\n", "graft.sharing.shared=[down.*]")
    assert recipe.graft.sharing.model_dump() == {"kind": "half-shared", "shared": ["down.*"]}


def test_an_override_does_not_leak_through_an_alias(load):
    text = (
        "trunk: {backbone: sapling}\n"
        "tasks:\n"
        "  a: &task {kind: image-captioning, data: [a.tar]}\n"
        "  b: *task\n"
    )  # fmt: skip
    tasks = load(text, "tasks.a.weight=3").tasks
    assert (tasks["a"].weight, tasks["b"].weight) == (3, 1)


def test_bytes_that_are_no_text(tmp_path, registry):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"trunk: 1\nx: \xff\n")
    with pytest.raises(RecipeError, match=r"recipe.yaml:2:1: not UTF-8 text"):
        load_recipe(path, (), registry)


def test_a_shipped_recipe_is_found_by_its_name(registry):
    assert find_recipe("starter", registry).name == "starter.yaml"
    assert load_recipe("starter", ["train.steps=7"], registry).train.steps == 7


def test_a_recipe_that_is_nowhere(registry):
    with pytest.raises(
        MultigraftError, match="no recipe 'startr': no such file, and no shipped recipe; did you mean 'starter'"
    ):
        find_recipe(Path("startr"), registry)


def test_every_shipped_recipe_is_valid(registry):
    folder = Path(__file__).parents[3] / "configs"
    names = shipped_recipes(registry)
    assert len(names) == len(list(folder.rglob("*.yaml"))) >= 1
    for name in names:
        load_recipe(name, (), registry)


def test_a_run_folder_is_told_where_its_recipe_lies(registry, tmp_path):
    (tmp_path / "recipe.yaml").touch()
    with pytest.raises(MultigraftError, match=r"is a run folder; its recipe is \S+recipe\.yaml"):
        load_recipe(tmp_path, registry=registry)
