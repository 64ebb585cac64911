"""Tasks of one batch that read different things of the trunk: each has its own rows, and gets what it gets alone."""

import pytest
import torch
from torch.testing import assert_close

from multigraft.core.model.model import evaluator_outputs
from multigraft.core.types.need import Need, View

CLASSIFIED = {"kind": "classification", "labels": ["true", "false"]}


@pytest.fixture(params=["single", "half-shared", "per-task", "hypernetwork"])
def model(request, tiny, tiny_model):
    """Statements and videos are read where decoding begins, between tasks whose targets are read."""
    classified = {"objective": CLASSIFIED, "evaluator": "classify"}
    videos = {"objective": {**CLASSIFIED, "labels": ["go to", "open the door"]}, "evaluator": "classify"}
    tasks = {**tiny.TASKS, "statements": tiny.TASKS["statements"] | classified, "videos": tiny.TASKS["videos"] | videos}
    return tiny_model(tiny.SHARING[request.param], tasks=tasks)


def gradients(model, batch):
    losses = model.losses(batch, training=True)
    trained = model.graft.bank.trained()
    total = torch.stack([loss.sum for (loss,) in losses.values()]).sum()
    found = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, dict(zip(trained, found, strict=True))


def test_losses_and_gradients_are_those_of_each_task_alone(model, samples, batch_of, tiny):
    sums, mixed = gradients(model, batch_of(model, samples))
    alone = [gradients(model, batch_of(model, [each for each in samples if each.task == task])) for task in tiny.TASKS]
    assert sums == pytest.approx({task: own[task] for task, (own, _) in zip(tiny.TASKS, alone, strict=True)}, rel=1e-5)
    for key, value in mixed.items():
        present = [own[key] for _, own in alone if own[key] is not None]
        assert (value is None) == (not present), key.text
        if present:
            assert_close(value, torch.stack(present).sum(0), atol=2e-5, rtol=1e-3, msg=key.text)


def test_the_decoder_reads_each_row_once(model, samples, batch_of):
    counted = []
    layer = model.backbone.stacks["decoder"].layers[0]
    layer.register_forward_pre_hook(lambda _, given: counted.append(tuple(given[0].shape[:2])))
    batch = batch_of(model, samples)
    model.losses(batch, training=True)
    assert sorted(counted) == [(4, 1), (4, batch.texts["target"].ids.shape[1])]


def test_media_of_tasks_behind_one_that_reads_none(model, samples, batch_of):
    batch = batch_of(model, samples)
    first, *others = batch.segments
    needs = {segment.task: [Need("media"), Need("summary")] for segment in others}
    needs[first.task] = [Need("summary", View(media=False))]
    with torch.no_grad():
        some, every = model.passes(batch, False, needs), model.passes(batch, False)
        for segment in others:
            ours, theirs = (evaluator_outputs(model, passes, segment) for passes in (some, every))
            assert_close(ours.media().states, theirs.media().states)
            assert_close(ours.summary(), theirs.summary(), atol=1e-5, rtol=1e-5)
