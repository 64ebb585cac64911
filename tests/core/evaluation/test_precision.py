"""`train.precision` holds wherever the model runs: in training, scores, controls and answers."""

import pytest
import torch

from multigraft.core.evaluation.predictor import Predictor
from multigraft.core.evaluation.questions import Question
from multigraft.core.evaluation.results import control_scores, evaluate_run, final_results
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_setup import open_run
from multigraft.core.training import step_data
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer

DTYPES = {"fp32": {torch.float32}, "bf16": {torch.bfloat16}}


@pytest.fixture
def seen():
    """The types that any linear layer of any trunk computes in."""
    found = set()

    def note(module, inputs, output):
        if isinstance(module, torch.nn.Linear):
            found.add(output.dtype)

    handle = torch.nn.modules.module.register_module_forward_hook(note)
    yield found
    handle.remove()


@pytest.mark.parametrize("precision", DTYPES)
def test_training_scores_and_controls(precision, recipe_file, registry, tmp_path, seen):
    recipe = load_recipe(recipe_file, (f"train.precision={precision}", "eval.limit=2"), registry)
    with open_run(recipe, registry, tmp_path) as run:
        trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
        ways = {
            "step": lambda: trainer.step(0, next(step_data.steps(run, 0, 1))),
            "scores on the way": lambda: evaluate_run(run, "validation", 2, 1),
            "final scores": lambda: final_results(run, "validation", []),
            "control": lambda: control_scores(run, "no-media", "validation"),
        }
        for name, way in ways.items():
            seen.clear()
            way()
            assert seen == DTYPES[precision], name
        assert {value.dtype for value in run.model.graft.bank.trained().values()} == {torch.float32}


def test_an_answer_is_computed_as_training_was(train, registry, picture_file, tmp_path, seen):
    train(tmp_path / "run", "train.precision=bf16", "eval.limit=1")
    (tmp_path / "red.png").write_bytes(picture_file())
    seen.clear()
    with Predictor.load(tmp_path / "run", registry) as predictor:
        predictor.answer([Question("vqa", "what colour?", (tmp_path / "red.png",))])
    assert seen == {torch.bfloat16}


@pytest.mark.parametrize("backbone", ["T5", "BART"])
def test_losses_are_those_under_autocast_and_candidates_are_scored_in_float32(
    backbone, tiny, tiny_model, samples, batch_of
):
    train = {"precision": "bf16"}
    half, whole = (
        tiny_model("half-shared", getattr(tiny, backbone), train=train),
        tiny_model("half-shared", getattr(tiny, backbone)),
    )
    batch = batch_of(half, samples)
    ours, exact = half.losses(batch, training=True), whole.losses(batch, training=True)
    with torch.autocast("cpu", torch.bfloat16):
        theirs = whole.losses(batch, training=True)
    for task, (loss,) in ours.items():
        assert loss.sum.item() == theirs[task][0].sum.item() != exact[task][0].sum.item()
    with half.computing(torch.device("cpu")):
        scores = half.run(batch, training=False)["vqa"].score([["red", "a box"], ["true"]])
    assert scores.dtype == torch.float32
