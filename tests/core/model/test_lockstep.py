"""Passes in lockstep: the same runs of stacks whatever rows there are, and no gradient that would not be there else."""

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.data.collate import collate
from multigraft.core.errors import MultigraftError
from multigraft.core.model.lockstep import Lockstep
from multigraft.core.trunk.runs import runs_for
from multigraft.core.types.need import Need

CLASSIFIED = {"kind": "classification", "labels": ["true", "false"]}
ENCODER, WHOLE, BEGINNING, REST = (
    ("encoder", "whole"), ("decoder", "whole"), ("decoder", "beginning"), ("decoder", "rest"),
)  # fmt: skip


@pytest.fixture
def model(tiny_model, tiny):
    return tiny_model(
        "per-task",
        tasks=tiny.TASKS
        | {"statements": tiny.TASKS["statements"] | {"objective": CLASSIFIED, "evaluator": "classify"}},
    )


def layers_run(model):
    """The layers that run from now on, forward."""
    ran = []
    for name, stack in model.backbone.stacks.items():
        for number, layer in enumerate(stack.layers):
            layer.register_forward_hook(lambda *_, at=(name, number): ran.append(at))
    return ran


def gradients(model, batch, lockstep, unlearned=()):
    losses = {}
    for learned in (True, False):
        rows = [row for row in batch.rows if (row.task in unlearned) != learned]
        if rows:
            own = collate(rows, list(model.objectives))
            losses |= model.losses(own, training=True, lockstep=lockstep, learned=learned)
        elif lockstep:
            with torch.set_grad_enabled(learned):
                lockstep.make(None, learned)
    total = sum(loss.sum for (loss,) in losses.values())
    total = lockstep.tied(total) if lockstep else total
    if total.requires_grad:
        total.backward()
    found = {}
    for key, value in model.graft.bank.trained().items():
        found[key], value.grad = value.grad, None
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, found


@pytest.mark.parametrize(
    ("reads", "split", "runs"),
    [
        ((), False, ()),
        (("targets",), False, (ENCODER, WHOLE)),
        (("targets",), True, (ENCODER, BEGINNING, REST)),
        (("summary",), True, (ENCODER, BEGINNING)),
        (("targets", "summary", "states"), False, (ENCODER, BEGINNING, WHOLE)),
    ],
)
def test_runs_that_outputs_need(reads, split, runs, model):
    assert runs_for(model.backbone, reads, split) == runs


def test_the_layers_that_run_do_not_depend_on_the_rows(model, samples, batch_of):
    lockstep, ran, found = Lockstep(model.backbone, model.objectives, ["vqa"], split=False), layers_run(model), []
    for chosen in (samples, samples[:2], samples[2:4], samples[4:]):
        gradients(model, batch_of(model, chosen), lockstep, ["vqa"])
        found.append(list(ran))
        ran.clear()
    lockstep.idle(1, learned=True)
    lockstep.idle(1, learned=False)
    found.append(list(ran))
    encoder, decoder = ([(name, number) for number in (0, 1)] for name in ("encoder", "decoder"))
    assert found == [[*encoder, *decoder, *decoder, *encoder, *decoder]] * 5


@pytest.mark.parametrize("split", [False, True])
def test_losses_and_gradients_are_those_without_lockstep(split, model, samples, batch_of):
    lockstep = Lockstep(model.backbone, model.objectives, ["captions"], split)
    for chosen in (samples, samples[:2], samples[2:4]):
        batch = batch_of(model, chosen)
        losses, theirs = gradients(model, batch, None, ["captions"])
        mine, ours = gradients(model, batch, lockstep, ["captions"])
        assert mine == pytest.approx(losses, rel=1e-5)
        assert [key for key, value in ours.items() if value is None] == [
            key for key, value in theirs.items() if value is None
        ]
        assert any(value is None for value in theirs.values())
        for key, value in theirs.items():
            if value is not None:
                assert_close(ours[key], value, atol=1e-5, rtol=1e-4)


def test_an_idle_micro_batch_gives_no_gradient(model):
    Lockstep(model.backbone, model.objectives, (), split=False).idle(2, learned=True)
    assert all(value.grad is None for value in model.graft.bank.trained().values())


def test_a_loss_that_asks_for_more_than_it_names_is_refused(model, samples, batch_of, monkeypatch):
    monkeypatch.setattr(model.objectives["vqa"][0].objective, "needs", (), raising=False)
    lockstep = Lockstep(model.backbone, {"vqa": model.objectives["vqa"]}, (), split=False)
    with pytest.raises(MultigraftError, match=r"task 'vqa': 'targets' of .* is asked for, and no `needs` names it"):
        model.losses(batch_of(model, samples[:2]), training=True, lockstep=lockstep)


def test_a_loss_that_decodes_is_refused(model, samples, batch_of, monkeypatch):
    objective = model.objectives["statements"][0].objective
    monkeypatch.setattr(objective, "needs", (Need("beginning"),), raising=False)
    monkeypatch.setattr(objective, "loss", lambda rows, outputs: torch.tensor(len(outputs.score([["a"]] * 2))))
    lockstep = Lockstep(model.backbone, model.objectives, (), split=False)
    with pytest.raises(MultigraftError, match="a loss that decodes"):
        model.losses(batch_of(model, samples[2:4]), training=True, lockstep=lockstep)
