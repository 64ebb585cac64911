"""The result for a sample does not depend on what else is in its batch."""

import pytest
import torch

from multigraft.core.model.model import task_rows
from multigraft.core.options.options import Decoding

RULES = ["single", "half-shared", "half-shared down", "per-task", "groups", "hypernetwork"]
BACKBONES = ["T5", "BART", "DECODER"]


@pytest.fixture(params=BACKBONES)
def backbone(request, tiny):
    return getattr(tiny, request.param)


def loss_sums(model, batch):
    return {task: loss.sum.item() for task, (loss,) in model.losses(batch, training=True).items()}


@pytest.mark.parametrize("rule", RULES)
def test_training_loss_alone_and_in_a_mixed_batch(rule, backbone, tiny, tiny_model, samples, batch_of):
    model = tiny_model(tiny.SHARING[rule], backbone)
    mixed = loss_sums(model, batch_of(model, samples))
    assert list(mixed) == list(tiny.TASKS)
    for task in tiny.TASKS:
        own = [each for each in samples if each.task == task]
        assert loss_sums(model, batch_of(model, own))[task] == pytest.approx(mixed[task], rel=1e-6, abs=1e-5)
        alone = [loss_sums(model, batch_of(model, [each]))[task] for each in own]
        assert sum(alone) == pytest.approx(mixed[task], rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_training_gradients_alone_and_in_a_mixed_batch(rule, backbone, tiny, tiny_model, samples, batch_of):
    model = tiny_model(tiny.SHARING[rule], backbone)
    trained = model.graft.bank.trained()

    def gradients(some):
        found = model.losses(batch_of(model, some), training=True)
        total = torch.stack([loss.sum / loss.denominator for (loss,) in found.values()]).sum()
        return torch.autograd.grad(total, list(trained.values()), allow_unused=True)

    apart = [gradients([each for each in samples if each.task == task]) for task in tiny.TASKS]
    for key, mixed, *pieces in zip(trained, gradients(samples), *apart, strict=True):
        present = [piece for piece in pieces if piece is not None]
        assert (mixed is None) == (not present), key.text
        if mixed is not None:
            torch.testing.assert_close(mixed, torch.stack(present).sum(0), atol=2e-5, rtol=1e-4, msg=key.text)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("beams", [1, 3])
def test_outputs_alone_and_in_a_mixed_batch(rule, beams, backbone, tiny, tiny_model, samples, batch_of):
    model = tiny_model(tiny.SHARING[rule], backbone)
    decoding = Decoding(beams=beams, max_tokens=8)

    def outputs(some):
        outputs = model.run(batch_of(model, some), training=False)
        return [text for each in outputs.values() for text in each.generate(decoding)]

    assert outputs(samples) == [text for each in samples for text in outputs([each])]


def test_each_task_decodes_in_its_own_way(backbone, tiny, tiny_model, samples, batch_of):
    model = tiny_model(tiny.SHARING["per-task"], backbone)
    decodings = {
        "vqa": Decoding(max_tokens=8, no_repeat_ngram=2),
        "statements": Decoding(max_tokens=8, min_tokens=2, no_repeat_ngram=2, forced_end=True),
        "captions": Decoding(beams=3, max_tokens=9, min_tokens=4, no_repeat_ngram=2, early_stopping=True),
        "videos": Decoding(beams=2, max_tokens=7, no_repeat_ngram=2, length_penalty=2.0, early_stopping="never"),
    }

    def outputs(some, decoding=None):
        outputs = model.run(batch_of(model, some), training=False)
        return [text for task, each in outputs.items() for text in each.generate(decoding or decodings[task])]

    assert outputs(samples) == [text for each in samples for text in outputs([each])]
    assert outputs(samples) != outputs(samples, Decoding(max_tokens=8))


@pytest.mark.parametrize("rule", RULES)
def test_candidate_scores_alone_and_in_a_mixed_batch(rule, backbone, tiny, tiny_model, samples, batch_of):
    model = tiny_model(tiny.SHARING[rule], backbone)
    outputs = model.run(batch_of(model, samples), training=False)
    scores = torch.cat([each.score([["red", "a box"], ["true"]]) for each in outputs.values()])
    assert scores[1::2, 1].isneginf().all()
    for number, each in enumerate(samples):
        candidates = [["red", "a box"]] if number % 2 == 0 else [["true"]]
        alone = model.run(batch_of(model, [each]), training=False)[each.task].score(candidates)
        torch.testing.assert_close(alone[0], scores[number, : alone.shape[1]], atol=1e-5, rtol=1e-5)


def test_a_task_that_is_absent_gets_no_gradient(tiny, tiny_model, samples, batch_of):
    model = tiny_model(tiny.SHARING["per-task"])
    some = [each for each in samples if each.task in ("vqa", "videos")]
    torch.stack([loss.sum for (loss,) in model.losses(batch_of(model, some), training=True).values()]).sum().backward()
    owners = {key.owner.task_scope: value.grad is not None for key, value in model.graft.bank.trained().items()}
    assert owners == {
        "shared": True, "task:vqa": True, "task:videos": True, "task:statements": False, "task:captions": False,
    }  # fmt: skip


def test_frames_padded_at_the_end_are_masked(tiny, tiny_model, samples, batch_of):
    model = tiny_model()
    videos = [each for each in samples if each.task == "videos"]
    outputs = model.run(batch_of(model, videos), training=False)["videos"]
    text = task_rows(batch_of(model, videos))["videos"].texts["text"].mask.sum(1)
    assert (outputs.states("encoder").mask.sum(1) - text).tolist() == [3, 4]
