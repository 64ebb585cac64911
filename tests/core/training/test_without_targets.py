"""A recipe over a trunk that predicts no targets trains, goes on and is scored; what would need targets is refused."""

import json

import pytest
from safetensors.torch import load_file

from multigraft.core.check.recipe_check import check_deep, check_shape
from multigraft.core.errors import OptionError
from multigraft.core.model.build import build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.problems import RecipeError

BACKBONE = (
    "trunk.backbone={kind: bert, weights: random, architecture: {vocab_size: 4000, hidden_size: 16, "
    "num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24}}",
    "trunk.prompt.layer=1",
)
PICTURES = "data: {train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"
VIDEOS = "data: {train: [videos-train-*.tar], validation: [videos-validation-*.tar]}"
COLOURS = "objective: {kind: classification, labels: [red, green, blue]}, evaluator: classify"
SHADES = (
    "objective: {kind: classification, labels: [red, green, blue, dark red, dark green, dark blue]}, "
    "evaluator: classify"
)
TRUTH = "objective: {kind: classification, labels: ['true', 'false']}, evaluator: classify"
TASKS = (
    f"tasks={{vqa: {{kind: visual-question-answering, {PICTURES}, {SHADES}}}, "
    f"statements: {{kind: two-image-statements, {PICTURES}, {TRUTH}}}, "
    f"videos: {{kind: open-video-question-answering, {VIDEOS}, {COLOURS}}}}}",
)
STEPS = (
    "train.steps=4", "train.checkpoint_every=2", "train.optimizer={rate: 5.0e-3, schedule: constant, warmup: 0}",
    "eval.every=2", "eval.limit=5", "eval.final_split=validation",
)  # fmt: skip


def saved(folder):
    graft = folder / "checkpoints" / "00000004" / "graft"
    return {path.relative_to(graft).as_posix(): path.read_bytes() for path in graft.rglob("*.safetensors")}


def scores(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    return [{name: value for name, value in line.items() if name.startswith(("train/loss", "eval/"))} for line in lines]


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    return folder, train(folder, *BACKBONE, *TASKS, *STEPS)


def test_it_trains_and_is_scored(straight):
    folder, results = straight
    assert list(results["tasks"]) == ["vqa", "statements", "videos"]
    assert [results["tasks"][name]["n"] for name in results["tasks"]] == [10, 10, 10]
    assert all(0 <= each["exact-match"] <= 1 for each in results["tasks"].values())
    assert "task-statements.safetensors" in saved(folder)
    begun = load_file(folder / "checkpoints" / "00000002" / "graft" / "shared.safetensors")
    ended = load_file(folder / "checkpoints" / "00000004" / "graft" / "shared.safetensors")
    assert all((begun[name] != ended[name]).any() for name in begun)


def test_a_resumed_run_equals_a_straight_one(straight, train, tmp_path):
    folder, _ = straight
    train(tmp_path, *BACKBONE, *TASKS, *STEPS, "train.steps=2", "eval.final_split=none")
    train(tmp_path, *BACKBONE, *TASKS, *STEPS, resume=True)
    assert saved(tmp_path) == saved(folder)
    assert scores(tmp_path)[-1] == scores(folder)[-1]
    assert "eval/videos/exact-match" in scores(folder)[-1]


MESSAGE = "this backbone predicts no targets, by which it trains; take `classification`"


@pytest.mark.parametrize("evaluator", ["generate", "choices"])
def test_an_objective_that_needs_targets_is_refused_by_check_and_when_built(evaluator, recipe_file, registry):
    asked = f"tasks.vqa.evaluator={evaluator}"
    overrides = (*BACKBONE, *TASKS, asked, "tasks.vqa.objective=generation", "tasks.videos.objective=generation")
    with pytest.raises(RecipeError) as caught:
        check_deep(check_shape(recipe_file, overrides, registry))
    told = [str(problem) for problem in caught.value.problems if MESSAGE in str(problem)]
    assert [task for task in ("vqa", "statements", "videos") for each in told if f"tasks.{task}.objective" in each] == [
        "vqa", "videos",
    ]  # fmt: skip
    recipe = load_recipe(recipe_file, overrides, registry)
    with pytest.raises(OptionError, match=MESSAGE):
        build_model(recipe, registry, build_trunk(recipe, registry, on_meta_device=True))
