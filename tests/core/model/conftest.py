"""What a mixed batch is held against: its samples alone."""

from types import SimpleNamespace

import pytest
import torch

from multigraft.core.options.options import Decoding

DECODINGS = [Decoding(beams=beams, max_tokens=6) for beams in (1, 3)]


def sums_and_gradients(model, batch):
    losses = model.losses(batch, training=True)
    total = torch.stack([loss.sum for (loss,) in losses.values()]).sum()
    trained = list(model.graft.bank.trained().values())
    found = torch.autograd.grad(total, trained, allow_unused=True)
    return {task: loss.sum.item() for task, (loss,) in losses.items()}, found


def texts_of(model, batch, decoding):
    return [text for each in model.run(batch, training=False).values() for text in each.generate(decoding)]


@pytest.fixture
def mixed_as_alone(batch_of):
    """`trained(model, samples)` holds losses and gradients, `decoded(model, samples)` outputs, greedy and by beams."""

    def trained(model, samples):
        mixed, gradients = sums_and_gradients(model, batch_of(model, samples))
        alone = [sums_and_gradients(model, batch_of(model, [each])) for each in samples]
        for task, whole in mixed.items():
            assert whole == pytest.approx(sum(own.get(task, 0) for own, _ in alone), rel=1e-5, abs=1e-5)
        for key, whole, *pieces in zip(model.graft.bank.trained(), gradients, *(own for _, own in alone), strict=True):
            present = [piece for piece in pieces if piece is not None]
            assert (whole is None) == (not present), key.text
            if whole is not None:
                torch.testing.assert_close(whole, torch.stack(present).sum(0), atol=5e-5, rtol=1e-3, msg=key.text)

    def decoded(model, samples):
        for decoding in DECODINGS:
            alone = [text for each in samples for text in texts_of(model, batch_of(model, [each]), decoding)]
            assert texts_of(model, batch_of(model, samples), decoding) == alone

    return SimpleNamespace(trained=trained, decoded=decoded)
