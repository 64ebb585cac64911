"""Tasks that share a trunk without targets: a mixed batch gives what the tasks, and their samples, give alone."""

import math

import pytest
import torch

LABELS = {
    "vqa": ["a box", "red"],
    "statements": ["true", "false", "unsure"],
    "captions": ["a red box on a pale ground", "one"],
}
RULES = ["single", "half-shared", "half-shared down", "per-task", "groups", "hypernetwork"]


@pytest.fixture
def samples(samples):
    return [each for each in samples if each.task in LABELS]


@pytest.fixture(params=RULES)
def model(request, tiny, tiny_model):
    rules = {**tiny.SHARING, "groups": {"kind": "groups", "groups": {"a": ["vqa", "captions"], "b": ["statements"]}}}
    tasks = {
        name: {
            **tiny.TASKS[name],
            "objective": {"kind": "classification", "labels": labels},
            "evaluator": "classify",
        }
        for name, labels in LABELS.items()
    }
    return tiny_model(rules[request.param], tiny.BERT, tasks=tasks)


def losses_and_gradients(model, batch):
    losses = model.losses(batch, training=True)
    total = torch.stack([loss.sum / loss.denominator for (loss,) in losses.values()]).sum()
    gradients = torch.autograd.grad(total, list(model.graft.bank.trained().values()), allow_unused=True)
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, gradients


def test_losses_and_gradients(model, samples, batch_of):
    sums, mixed = losses_and_gradients(model, batch_of(model, samples))
    assert list(sums) == list(LABELS)
    apart = []
    for task, whole in sums.items():
        own = [each for each in samples if each.task == task]
        alone, gradients = losses_and_gradients(model, batch_of(model, own))
        apart.append(gradients)
        assert alone[task] == pytest.approx(whole, rel=1e-5)
        singles = [losses_and_gradients(model, batch_of(model, [each]))[0][task] for each in own]
        assert sum(singles) == pytest.approx(whole, rel=1e-5)
    for key, whole, *pieces in zip(model.graft.bank.trained(), mixed, *apart, strict=True):
        present = [piece for piece in pieces if piece is not None]
        assert (whole is None) == (not present), key.text
        if whole is not None:
            torch.testing.assert_close(whole, torch.stack(present).sum(0), atol=2e-6, rtol=1e-4, msg=key.text)


def test_answers(model, samples, batch_of):
    answers = model.answers(batch_of(model, samples))
    alone = [said for each in samples for said in model.answers(batch_of(model, [each]))]
    assert [said.text for said in answers] == [said.text for said in alone]
    assert [said.score for said in answers] == pytest.approx([said.score for said in alone], abs=1e-5)
    for sample, said in zip(samples, answers, strict=True):
        every = [(said.text, said.score), *((other.text, other.score) for other in said.others)]
        assert {text for text, _ in every} == set(LABELS[sample.task])
        assert sum(math.exp(score) for _, score in every) == pytest.approx(1)
        assert [score for _, score in every] == sorted((score for _, score in every), reverse=True)
