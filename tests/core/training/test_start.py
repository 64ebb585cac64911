"""`graft.start: run:DIR`: a training begins from a saved graft as far as that fits, and says what it took."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from multigraft.core.errors import MultigraftError
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError
from multigraft.core.run.run_folder import saved_graft
from multigraft.core.run.run_setup import open_run
from multigraft.core.run.run_start import take_start

PICTURES = "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
VQA = f"vqa: {{kind: visual-question-answering, {PICTURES}, evaluator: {{kind: generate, max_tokens: 6}}}}"
CAPTIONS = f"captions: {{kind: image-captioning, {PICTURES}, evaluator: {{kind: generate, max_tokens: 8}}}}"
STATEMENTS = f"statements: {{kind: two-image-statements, {PICTURES}}}"
QUIET = "eval.split=none"


def tasks(*each):
    return f"tasks={{{', '.join(each)}}}"


def sharing(rule):
    return f"graft.sharing={rule}"


def start(folder):
    return f"graft.start=run:{folder}"


def tensors(folder):
    """The saved tensors, by task scope and name."""
    return {
        f"{path.stem.replace('-', ':', 1)}/{name}": value
        for path in saved_graft(folder).glob("*.safetensors")
        for name, value in load_file(path).items()
    }


def told(folder):
    return json.loads((folder / "environment.json").read_text())["start"]


@pytest.fixture(scope="module")
def saved(train, tmp_path_factory):
    """Runs of two tasks, by sharing rule; made when first asked for."""
    folder = tmp_path_factory.mktemp("saved")

    def make(rule):
        if not (folder / rule).is_dir():
            train(folder / rule, tasks(VQA, CAPTIONS), sharing(rule), QUIET)
        return folder / rule

    return make


@pytest.fixture
def begun(recipe_file, registry, tmp_path):
    """The graft as training begins with it, and what was taken."""

    def begin(*overrides):
        recipe = load_recipe(recipe_file, overrides, registry)
        with open_run(recipe, registry, tmp_path / "begun") as run:
            drawn = {key.text: value for key, value in run.model.graft.bank.snapshot().items()}
            took = take_start(run)
            return took, {key.text: value for key, value in run.model.graft.bank.snapshot().items()}, drawn

    return begin


def test_a_new_task_over_a_shared_adapter_takes_all_that_is_shared(saved, begun):
    source = saved("single")
    took, values, _ = begun(tasks(STATEMENTS), sharing("single"), start(source))
    before = tensors(source)
    assert took.new == took.reshaped == ()
    assert set(took.taken) == set(before) == set(values)
    assert all(torch.equal(values[name], before[name]) for name in before)


def test_tensors_of_tasks_of_the_same_name_are_taken_and_those_of_others_are_new(saved, begun):
    source = saved("half-shared")
    took, values, drawn = begun(tasks(VQA, STATEMENTS), sharing("half-shared"), start(source))
    before = tensors(source)
    assert {name.partition("/")[0] for name in took.taken} == {"shared", "task:vqa"}
    assert {name.partition("/")[0] for name in took.new} == {"task:statements"}
    assert {name.partition("/")[0] for name in took.left} == {"task:captions"}
    assert all(torch.equal(values[name], before[name]) for name in took.taken)
    assert all(torch.equal(values[name], drawn[name]) for name in took.new)


def test_another_sharing_rule_takes_what_has_the_same_owner(saved, begun):
    took, _, _ = begun(tasks(VQA, CAPTIONS), sharing("per-task"), start(saved("half-shared")))
    assert {name.rpartition("/")[2] for name in took.left} == {"bottleneck.up.weight", "bottleneck.up.bias"}
    assert {name.partition("/")[0] for name in took.left} == {"shared"}
    assert {name.partition("/")[0] for name in took.new} == {"task:vqa", "task:captions"}
    assert "task:vqa" in took.lines()[0]
    assert took.lines()[1].startswith(f"new: {len(took.new)} tensors (task:vqa ")


def test_a_hypernetwork_is_taken_with_the_embeddings_of_the_same_tasks(saved, begun):
    source = saved("hypernetwork")
    took, values, _ = begun(tasks(VQA, STATEMENTS), sharing("hypernetwork"), start(source))
    before = tensors(source)
    assert [name.partition("/")[0] for name in took.new] == ["task:statements"]
    assert [name.partition("/")[0] for name in took.left] == ["task:captions"]
    assert any(name.startswith("task:vqa/") for name in took.taken)
    assert all(torch.equal(values[name], before[name]) for name in took.taken)


def test_tensors_of_another_shape_stay_behind_and_are_named(saved, begun):
    took, _, _ = begun(tasks(VQA), sharing("single"), "graft.adapters.0.width=2", start(saved("single")))
    assert took.taken
    assert all("bottleneck" in name for name in took.new)
    assert set(took.new) <= set(took.left)
    assert any("(4, 16), here (2, 16)" in line for line in took.reshaped)
    assert "another shape: " in took.lines()[-1]


def test_the_run_says_what_it_took_and_keeps_a_copy_of_it(train, saved, tmp_path, capfd):
    source = saved("half-shared")
    train(tmp_path / "next", tasks(VQA, STATEMENTS), start(source), QUIET)
    said, facts = capfd.readouterr().err, told(tmp_path / "next")
    assert facts["from"] == f"run:{source}"
    assert set(facts["taken"]) == {name for name in tensors(source) if not name.startswith("task:captions")}
    assert f"run:{source}: takes: {len(facts['taken'])} tensors (" in said.replace("\n", " ")
    assert tensors(tmp_path / "next" / "start").keys() == tensors(source).keys()


def test_a_run_that_goes_on_does_not_begin_again(train, saved, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(saved("single"), source)
    steady = ("train.checkpoint_every=2", "train.optimizer.schedule=constant", "train.optimizer.warmup=0")
    words = (tasks(VQA), sharing("single"), start(source), QUIET, *steady)
    train(tmp_path / "whole", *words, "train.steps=3")
    train(tmp_path / "parts", *words)
    before = told(tmp_path / "parts")
    shutil.rmtree(source)
    train(tmp_path / "parts", *words, "train.steps=3", resume=True)
    one, other = tensors(tmp_path / "whole"), tensors(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert told(tmp_path / "parts") == before


def test_the_untrained_control_is_the_graft_that_training_began_with(train, saved, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(saved("single"), source)
    words = (tasks(VQA, CAPTIONS), sharing("single"))
    score = ("eval.controls=[untrained]", "eval.split=validation", "train.optimizer.rate=0.1", "train.steps=4")
    results = train(tmp_path / "next", *words, start(source), *score)
    began = train(tmp_path / "same", *words, "train.steps=2", "eval.split=validation")
    assert results["controls"]["untrained"]["captions"] == began["tasks"]["captions"]


def test_an_exported_graft_is_one_to_begin_from(command, saved, begun, tmp_path):
    outcome = command("export", saved("per-task"), "--task", "vqa", "--to", tmp_path / "exported")
    assert outcome.returncode == 0, outcome.stderr
    took, _, _ = begun(tasks(VQA, STATEMENTS), sharing("per-task"), start(tmp_path / "exported"))
    assert {name.partition("/")[0] for name in took.taken} == {"shared", "task:vqa"}
    assert took.left == ()


def test_another_trunk_is_refused(saved, begun):
    with pytest.raises(MultigraftError, match=r"belongs to another trunk\. Its backbone was"):
        begun(tasks(VQA), sharing("single"), start(saved("single")), "trunk.backbone.architecture.d_ff=32")


def test_frozen_random_tensors_must_be_the_same(train, begun, tmp_path):
    words = (tasks(VQA), "trunk.prompt.position=random")
    train(tmp_path / "first", *words, QUIET, "train.seed=7")
    with pytest.raises(MultigraftError, match=r"frozen random tensors differ.*`train.seed` \(7, here 0\)"):
        begun(*words, start(tmp_path / "first"))


def test_a_start_that_takes_nothing_is_refused(saved, begun):
    other = ("graft.adapters.0.name=other", "graft.train.norms=false", "trunk.prompt.sharing=per-task")
    with pytest.raises(MultigraftError, match="nothing of this graft fits the new one, which has"):
        begun(tasks(VQA), sharing("single"), start(saved("single")), *other)


@pytest.mark.parametrize(
    ("folder", "message"),
    [("gone", "there is no folder"), (".", "is neither the folder of a run with a checkpoint nor an exported one")],
)
def test_a_folder_without_a_graft_is_refused(train, tmp_path, folder, message):
    with pytest.raises(MultigraftError, match=message):
        train(tmp_path / "next", start(tmp_path / folder))


def test_check_says_so_with_its_place(command, recipe_file, tmp_path):
    outcome = command("check", recipe_file, "--set", start(tmp_path / "gone"))
    assert outcome.returncode == 2
    assert "graft.start" in outcome.stderr
    assert "there is no folder" in outcome.stderr


def test_check_notes_what_would_be_taken_and_refuses_a_start_that_takes_nothing(command, recipe_file, saved):
    words = [word for text in (start(saved("single")), "graft.sharing=single") for word in ("--set", text)]
    well = command("check", recipe_file, *words)
    assert well.returncode == 0, well.stderr
    assert ": takes: 60 tensors (shared 60)" in (well.stdout + well.stderr).replace("\n", " ")
    other = ("graft.adapters.0.name=other", "graft.train.norms=false", "trunk.prompt.sharing=per-task")
    refused = command("check", recipe_file, *words, *(word for text in other for word in ("--set", text)))
    assert refused.returncode == 2
    assert "nothing of this graft fits the new one" in refused.stderr


def test_it_is_a_run_and_nothing_else(recipe_file, registry):
    with pytest.raises(RecipeError, match="'path:somewhere' is no `run:DIR`"):
        load_recipe(recipe_file, ["graft.start=path:somewhere"], registry)
