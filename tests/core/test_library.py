"""multigraft from Python, on tiny shards."""

import json

import pytest

import multigraft


@pytest.fixture(scope="module")
def run(recipe_file, tmp_path_factory):
    """The folder of a run that was trained by the recipe's file."""
    folder = tmp_path_factory.mktemp("library") / "run"
    results = multigraft.train(recipe_file, folder)
    assert results["step"] == 2
    return folder


def test_train_leaves_the_folder_that_the_command_line_would(run):
    assert json.loads((run / "environment.json").read_text())["recipe"] == "tiny"
    assert set(json.loads((run / "results.json").read_text())["tasks"]) == {"vqa", "statements", "captions", "videos"}


def test_a_run_goes_on_with_a_recipe_that_was_loaded(run):
    recipe = multigraft.load_recipe(run / "recipe.yaml", ["train.steps=3"])
    with pytest.raises(multigraft.MultigraftError, match="holds a run already"):
        multigraft.train(recipe, run)
    assert multigraft.train(recipe, run, resume=True)["step"] == 3


def test_evaluate_scores_again_with_a_control(run):
    results = multigraft.evaluate(run, controls=["no-media"])
    assert set(results["controls"]["no-media"]) == {"vqa", "statements", "captions", "videos"}
    assert json.loads((run / "results.json").read_text())["controls"] == results["controls"]


def test_predict_answers_and_says_what_was_cut(run, tmp_path, picture_file):
    (tmp_path / "red.png").write_bytes(picture_file())
    reply = multigraft.predict(run, "vqa", "what colour? " * 100, [tmp_path / "red.png"])
    assert isinstance(reply.output, str)
    assert reply.cut == ("question",)


def test_a_recipe_that_cannot_work_is_refused_before_anything_is_trained(recipe_file, tmp_path):
    recipe = multigraft.load_recipe(recipe_file, ["graft.adapters.0.sites={block: [self-atention]}"])
    with pytest.raises(multigraft.RecipeError, match="did you mean 'self-attention'"):
        multigraft.train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
