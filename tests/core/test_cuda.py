"""What holds on a CPU holds on a GPU, and a training step waits for the GPU once. Skipped where there is none."""

import warnings

import pytest
import torch
from safetensors.torch import load_file

from multigraft.core.model.build import allocate
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.run.run_folder import saved_graft
from multigraft.core.run.run_setup import open_run
from multigraft.core.training import step_data
from multigraft.core.training.loop import Trainer
from multigraft.core.training.optimizer import make_optimizer

pytestmark = pytest.mark.cuda

DEVICE = "cuda"
RULES = ["single", "half-shared", "per-task", "hypernetwork"]
NO_DROPOUT = "trunk.backbone.architecture.dropout_rate=0"
SYNCHRONISED = "called a synchronizing CUDA operation"
READS_A_STEP = 1
"""Reads from the GPU that a step may wait for: that of its losses."""
DETERMINISTIC = """
from multigraft import hookimpl

@hookimpl
def run_started(run):
    import torch
    torch.use_deterministic_algorithms(True)
"""


@pytest.fixture
def gpu_model(tiny_model):
    """A tiny model on the GPU, with the values that it has on the CPU."""

    def make(*choices):
        model = tiny_model(*choices)
        values = model.graft.bank.snapshot()
        allocate(model, torch.device(DEVICE))
        model.graft.bank.restore(values)
        return model

    return make


@pytest.fixture
def trainer(recipe_file, registry, tmp_path):
    """A run on the GPU: its trainer, and what its stream hands out for each step, as a training session asks for it."""

    def make(steps, *overrides):
        recipe = load_recipe(recipe_file, (f"device={DEVICE}", "train.steps=99", *overrides), registry)
        with open_run(recipe, registry, tmp_path) as run:
            made = Trainer(run, make_optimizer(run.model.graft.bank, recipe.train.optimizer))
            yield from ((made, step, handed) for step, handed in enumerate(step_data.steps(run, 0, steps)))

    return make


def loss_sums(model, batch):
    found = model.losses(batch.to(torch.device(DEVICE)), training=True)
    return {task: loss.sum.item() for task, (loss,) in found.items()}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("backbone", ["T5", "BART", "DECODER"])
def test_a_mixed_batch_equals_its_samples_one_by_one(rule, backbone, tiny, gpu_model, samples, batch_of):
    model = gpu_model(tiny.SHARING[rule], getattr(tiny, backbone))
    mixed = loss_sums(model, batch_of(model, samples))
    for task in tiny.TASKS:
        alone = [loss_sums(model, batch_of(model, [each]))[task] for each in samples if each.task == task]
        assert sum(alone) == pytest.approx(mixed[task], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("rule", RULES)
def test_the_loss_is_that_of_the_cpu(rule, tiny, gpu_model, tiny_model, samples, batch_of):
    here, there = gpu_model(tiny.SHARING[rule]), tiny_model(tiny.SHARING[rule])
    plain = {task: loss.sum.item() for task, (loss,) in there.losses(batch_of(there, samples), training=True).items()}
    assert loss_sums(here, batch_of(here, samples)) == pytest.approx(plain, rel=1e-3, abs=1e-3)


def test_a_step_under_autocast_keeps_the_graft_in_float32(trainer):
    losses = {}
    for precision in ("fp32", "bf16"):
        for made, step, handed in trainer(2, f"train.precision={precision}", NO_DROPOUT):
            before = [value.detach().clone() for value in made.parameters]
            losses[precision] = made.step(step, handed)
            assert {value.dtype for value in made.parameters} == {torch.float32}
            assert {value.device.type for value in made.parameters} == {DEVICE}
            assert any(not torch.equal(old, new) for old, new in zip(before, made.parameters, strict=True))
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)


def test_a_run_that_goes_on_is_bit_equal_with_deterministic_algorithms(command, recipe_file, plugin_file, tmp_path):
    """Some sums of CUDA take another order each time, so torch is told to use none of these; see docs/recipes.md."""
    plugin = plugin_file("deterministic.py", DETERMINISTIC)
    words = [f"device={DEVICE}", "eval.split=none", "train.checkpoint_every=2", "train.optimizer.schedule=constant"]
    options = [word for text in (*words, "train.optimizer.warmup=0") for word in ("--set", text)]

    def train(*arguments):
        environment = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        outcome = command("--plugin", plugin, "train", *arguments, env=environment)
        assert outcome.returncode == 0, outcome.stderr

    train(recipe_file, "--run", tmp_path / "whole", *options, "--set", "train.steps=4")
    train(recipe_file, "--run", tmp_path / "parts", *options, "--set", "train.steps=2")
    train("--resume", tmp_path / "parts", "--set", "train.steps=4")
    whole, parts = (sorted(saved_graft(tmp_path / name).glob("*.safetensors")) for name in ("whole", "parts"))
    for one, other in zip(whole, parts, strict=True):
        values, others = load_file(one), load_file(other)
        assert all(torch.equal(value, others[name]) for name, value in values.items())


@pytest.mark.parametrize("features", ["false", "true"])
def test_a_step_waits_for_the_gpu_once(trainer, features):
    """The first steps may wait more often: libraries choose their kernels, and the graft is found to act."""
    for made, step, handed in trainer(4, f"data.features={features}"):
        if step < 2:
            made.step(step, handed)
            continue
        waits = synchronisations(lambda made=made, step=step, handed=handed: made.step(step, handed))
        assert len(waits) == READS_A_STEP, waits


def synchronisations(act):
    """Where the CPU waits for the GPU during a call, as `FILE:LINE`."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            act()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return [f"{each.filename}:{each.lineno}" for each in told if SYNCHRONISED in str(each.message)]


def test_synchronisations_are_counted():
    value = torch.ones(3, device=DEVICE)
    assert synchronisations(lambda: value + 1) == []
    assert len(synchronisations(lambda: (value.sum().item(), value.tolist()))) == 2
