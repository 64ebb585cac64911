"""Probabilities of attentions: kept where they are asked for, with gradients, and without another output."""

import pytest
import torch

from multigraft.core.graft.plan import make_interceptor

SITES = ("encoder.0.self-attention.memory", "decoder.1.cross-attention.memory")
PREFIX = {"adapters": [{"kind": "prefix", "tokens": 2}], "sharing": "per-task"}


@pytest.mark.parametrize("family", ["T5", "BART"])
def test_probabilities_of_two_attentions(family, tiny, tiny_model, samples, batch_of):
    model = tiny_model(backbone=getattr(tiny, family), graft=PREFIX)
    batch = batch_of(model, samples)
    plain, probed = (make_interceptor(model.graft, batch.segments, False, probe) for probe in ((), SITES))
    states = model.passes(batch, plain).target_states()
    torch.testing.assert_close(model.passes(batch, probed).target_states(), states, rtol=1e-5, atol=1e-5)
    assert set(probed.probabilities) == set(SITES)
    assert not plain.probabilities
    own, cross = (probed.probabilities[site] for site in SITES)
    tokens = model.passes(batch, plain).output("encoder").tokens
    assert own.shape == (len(samples), 2, tokens.states.shape[1], tokens.states.shape[1] + 2)
    assert cross.shape == (len(samples), 2, batch.target_ids.shape[1], tokens.states.shape[1] + 2)
    torch.testing.assert_close(own.sum(-1), torch.ones(own.shape[:-1]))
    assert not own[..., 2:].masked_select(~tokens.mask[:, None, None, :]).any()
    assert (own[..., :2] > 0).all()


def test_gradients_reach_the_prefix_through_them(tiny_model, samples, batch_of):
    model = tiny_model(graft=PREFIX)
    batch = batch_of(model, samples)
    probed = make_interceptor(model.graft, batch.segments, True, SITES)
    model.passes(batch, probed).target_states()
    probed.probabilities[SITES[0]][..., :2].sum().backward()
    moved = {key.owner.site_scope for key, value in model.graft.bank.trained().items() if value.grad is not None}
    assert "encoder.0.self-attention.memory" in moved
