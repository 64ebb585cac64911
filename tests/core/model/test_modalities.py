"""A batch that holds pictures, videos, sound and text alone gives what each row gives by itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from multigraft.core.options.options import Decoding
from multigraft.core.types.media import Media

AUDIO = {
    "kind": "audio-transformer", "weights": "random", "width": 12, "layers": 2, "heads": 2, "feed_forward": 16,
    "bands": 8,
}  # fmt: skip
VISUAL = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
PROMPTS = [
    {"kind": "linear", "tokens": 4, "frame_tokens": 1, "frames": 4},
    {"kind": "linear", "modality": "audio", "tokens": 5, "boxes": "none"},
]
INSIDE = {"kind": "bottleneck", "width": 3, "name": "sound", "sites": {"stack": ["audio"], "block": ["feed-forward"]}}


@pytest.fixture
def model(tiny_model, tiny):
    adapters = [{"kind": "bottleneck", "width": 4}, INSIDE]
    trunk = {"encoders": {"visual": VISUAL, "audio": AUDIO}, "backbone": tiny.T5, "prompt": PROMPTS}
    return tiny_model(trunk=trunk, graft={"adapters": adapters, "sharing": "per-task"})


def sound(seed, windows):
    energies = np.random.default_rng(seed).normal(-4, 4, (1, windows, 8)).astype(np.float32)
    return Media("audio", "audio", energies, np.zeros(1, np.float32))


@pytest.fixture
def rows(samples):
    """One and two pictures, clips, sounds of three lengths, a film with its sound, and text alone."""
    vqa, _, statement, _, caption, _, film, _ = samples
    return [
        vqa,
        statement,
        film,
        replace(film, media=(sound(1, 37),)),
        replace(caption, media=(sound(2, 90),)),
        replace(vqa, media=(sound(3, 8),)),
        replace(film, media=(*film.media, sound(4, 51))),
        replace(caption, media=()),
    ]


def gradients(model, batch):
    losses = model.losses(batch, training=True)
    trained = model.graft.bank.trained()
    total = torch.stack([loss.sum for (loss,) in losses.values()]).sum()
    found = torch.autograd.grad(total, list(trained.values()), allow_unused=True)
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, dict(zip(trained, found, strict=True))


def test_losses_and_gradients_are_those_of_the_single_rows(model, rows, batch_of):
    sums, mixed = gradients(model, batch_of(model, rows))
    alone = [gradients(model, batch_of(model, [row])) for row in rows]
    for task, total in sums.items():
        assert sum(own.get(task, 0.0) for own, _ in alone) == pytest.approx(total, rel=1e-5)
    for key, gradient in mixed.items():
        present = [own[key] for _, own in alone if own[key] is not None]
        assert (gradient is None) == (not present), key.text
        if present:
            assert_close(gradient, torch.stack(present).sum(0), atol=2e-5, rtol=1e-3, msg=key.text)
    inside = {key.owner.task_scope for key, value in mixed.items() if value is not None and "audio." in key.text}
    assert inside == {"task:videos", "task:captions", "task:vqa"}


@pytest.mark.parametrize("beams", [1, 3])
def test_outputs_are_those_of_the_single_rows(model, rows, batch_of, beams):
    decoding = Decoding(beams=beams, max_tokens=8)
    batch = batch_of(model, rows)
    together = [text for own in model.run(batch, False).values() for text in own.generate(decoding)]
    alone = [model.run(batch_of(model, [row]), False)[row.task].generate(decoding)[0] for row in batch.samples]
    assert together == alone


def test_sound_adds_the_tokens_that_it_has(model, rows, batch_of):
    def tokens(row):
        states = model.run(batch_of(model, [row]), False)[row.task].states("encoder")
        return int(states.real.sum())

    words = tokens(replace(rows[3], media=()))
    assert [tokens(replace(rows[3], media=(sound(1, windows),))) - words for windows in (4, 8, 37, 90)] == [1, 2, 5, 5]


def test_a_batch_holds_each_kind_with_its_modality_and_lengths(model, rows, batch_of):
    media = {items.kind: items for items in batch_of(model, rows).media}
    assert {kind: items.modality for kind, items in media.items()} == {
        "image": "visual", "video": "visual", "audio": "audio",
    }  # fmt: skip
    assert media["image"].mask is None
    assert sorted(media["audio"].mask.sum(1).tolist()) == [8, 37, 51, 90]
    assert media["audio"].arrays.shape == (4, 90, 8)
