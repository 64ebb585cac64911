"""Prefixes and parallel bottlenecks in one graft (He et al. 2022): trained by a recipe, saved and loaded as one."""

from itertools import chain

import pytest
import torch
import yaml

from multigraft.core.errors import OptionError
from multigraft.core.graft.saving import load_graft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.options.options import Decoding
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.recipe.writing import dump_recipe
from multigraft.core.run.artifact import open_artifact
from multigraft.core.run.run_setup import open_run
from multigraft.core.training.checkpoint import save_checkpoint
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer
from multigraft.core.training.step_data import StepMaker
from multigraft.core.training.train_lines import TrainLines

PREFIX = {"kind": "prefix", "tokens": 3, "reparametrised": {"hidden": 5}, "sharing": "per-task"}
PARALLEL = {
    "kind": "bottleneck", "placement": "parallel", "scale": 4, "activation": "relu", "start": "identity", "width": 4,
    "sites": {"block": ["feed-forward"]},
}  # fmt: skip
GRAFT = {"adapters": [PREFIX, PARALLEL], "sharing": "half-shared", "train": {"norms": True}}
BACKBONES = ["T5", "BART", "DECODER"]


@pytest.fixture(params=BACKBONES)
def model(request, tiny, tiny_model):
    return tiny_model(backbone=getattr(tiny, request.param), graft=GRAFT)


def losses(model, batch):
    return {task: loss.sum for task, (loss,) in model.losses(batch, training=True).items()}


def gradients(model, batch):
    total = torch.stack(list(losses(model, batch).values())).sum()
    return torch.autograd.grad(total, list(model.graft.bank.trained().values()), allow_unused=True)


def test_a_mixed_batch_gives_the_losses_and_gradients_of_samples_alone(model, samples, batch_of):
    apart = [gradients(model, batch_of(model, [each])) for each in samples]
    alone = [losses(model, batch_of(model, [each])) for each in samples]
    for task, whole in losses(model, batch_of(model, samples)).items():
        assert whole.item() == pytest.approx(sum(own[task].item() for own in alone if task in own), rel=1e-5)
    for key, whole, *pieces in zip(
        model.graft.bank.trained(), gradients(model, batch_of(model, samples)), *apart, strict=True
    ):
        total = torch.stack([piece for piece in pieces if piece is not None]).sum(0)
        torch.testing.assert_close(whole, total, atol=5e-5 * float(total.abs().max()) + 1e-9, rtol=1e-4, msg=key.text)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_mixed_batch_gives_the_texts_of_samples_alone(beams, model, samples, batch_of):
    def texts(some):
        outputs = model.run(batch_of(model, some), training=False).values()
        return [text for each in outputs for text in each.generate(Decoding(beams=beams, max_tokens=6))]

    assert texts(samples) == list(chain.from_iterable(texts([each]) for each in samples))


def test_each_method_does_something_of_its_own(model, samples, batch_of):
    whole = losses(model, batch_of(model, samples))
    for method in ("prefix", "bottleneck"):
        kept = {key: value.detach().clone() for key, value in model.graft.bank.trained().items()}
        with torch.no_grad():
            for key in kept:
                if key.part.startswith(f"{method}."):
                    model.graft.bank[key].mul_(0.5)
        without = losses(model, batch_of(model, samples))
        assert all(not torch.equal(whole[task], without[task]) for task in whole), method
        for key, value in kept.items():
            model.graft.bank[key].data.copy_(value)


def test_projections_that_are_not_there_are_told(tiny_recipe, registry):
    wrong = PARALLEL | {"sites": {"inner": ["vale"]}}
    recipe = tiny_recipe(graft=GRAFT | {"adapters": [PREFIX, wrong]})
    with pytest.raises(OptionError, match="no site of this adapter has the inner 'vale'") as caught:
        build_model(recipe, registry, build_trunk(recipe, registry))
    assert caught.value.location == ("graft", "adapters", 1, "sites", "inner", 0)
    assert "value" in caught.value.hint


def numbers(bank):
    return {key: value.detach().clone() for key, value in bank.trained().items()}


@pytest.fixture(scope="module")
def steps(recipe_file, registry, tmp_path_factory):
    """A run of two steps that was saved: its folder, and what was trained before and after."""
    folder = tmp_path_factory.mktemp("union")
    given = yaml.safe_dump(GRAFT, default_flow_style=True, width=10_000).strip()
    recipe = load_recipe(recipe_file, (f"graft={given}",), registry)
    with open_run(recipe, registry, folder) as run:
        before = numbers(run.model.graft.bank)
        trainer = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
        for step, some in enumerate(run.data.stream(run.rank).batches(0, 2)):
            trainer.step(step, StepMaker(run).of(some))
        save_checkpoint(run, 2, trainer.optimizer, TrainLines(run))
        (folder / "recipe.yaml").write_text(dump_recipe(recipe))
        yield folder, before, numbers(run.model.graft.bank)


def test_a_recipe_trains_both(steps):
    _, before, after = steps
    moved = {key for key, value in after.items() if not torch.equal(value, before[key])}
    owners = {
        name: {key.owner.task_scope for key in moved if key.part.startswith(f"{name}.")}
        for name in ("prefix", "bottleneck")
    }
    tasks = {f"task:{task}" for task in ("vqa", "statements", "captions", "videos")}
    assert owners == {"prefix": tasks, "bottleneck": tasks | {"shared"}}


def test_both_are_saved_and_loaded_as_one(steps, registry):
    folder, _, after = steps
    saved = open_artifact(folder, registry)
    trunk = build_trunk(saved.recipe, registry)
    model = build_model(saved.recipe, registry, trunk, saved.tasks)
    allocate(model, torch.device("cpu"))
    load_graft(saved.graft, model.graft.bank, trunk.fingerprints)
    loaded = numbers(model.graft.bank)
    assert loaded.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in loaded.items())
