"""Probabilities of attentions: kept where they are asked for, with gradients, and without another output."""

from dataclasses import replace

import pytest
import torch

from multigraft.core.graft.plan import make_interceptor
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.need import View

SITES = ("encoder.0.self-attention.memory", "decoder.1.cross-attention.memory")
PREFIX = {"adapters": [{"kind": "prefix", "tokens": 2}], "sharing": "per-task"}


def whole(model, batch, at_sites):
    """The passes of all rows."""
    return model.passes(batch, False, at_sites=at_sites).of(View(), ("decoder", "whole"))[0]


@pytest.mark.parametrize("family", ["T5", "BART"])
def test_probabilities_of_two_attentions(family, tiny, tiny_model, samples, batch_of):
    model = tiny_model(backbone=getattr(tiny, family), graft=PREFIX)
    batch = batch_of(model, samples)
    plain, probed = (make_interceptor(model.graft, batch.segments, False, probe) for probe in ((), SITES))
    states = whole(model, batch, plain).target_states()
    torch.testing.assert_close(whole(model, batch, probed).target_states(), states, rtol=1e-5, atol=1e-5)
    assert set(probed.probabilities) == set(SITES)
    assert not plain.probabilities
    own, cross = (probed.probabilities[site] for site in SITES)
    tokens = whole(model, batch, plain).output("encoder").tokens
    assert own.shape == (len(samples), 2, tokens.states.shape[1], tokens.states.shape[1] + 2)
    assert cross.shape == (len(samples), 2, batch.texts["target"].ids.shape[1], tokens.states.shape[1] + 2)
    torch.testing.assert_close(own.sum(-1), torch.ones(own.shape[:-1]))
    assert not own[..., 2:].masked_select(~tokens.mask[:, None, None, :]).any()
    assert (own[..., :2] > 0).all()


def test_gradients_reach_the_prefix_through_them(tiny_model, samples, batch_of):
    model = tiny_model(graft=PREFIX)
    batch = batch_of(model, samples)
    probed = make_interceptor(model.graft, batch.segments, True, SITES)
    whole(model, batch, probed).target_states()
    probed.probabilities[SITES[0]][..., :2].sum().backward()
    moved = {key.owner.site_scope for key, value in model.graft.bank.trained().items() if value.grad is not None}
    assert "encoder.0.self-attention.memory" in moved


def test_probabilities_of_several_grafts(tiny_model, samples, batch_of):
    long = {"adapters": [{"kind": "prefix", "tokens": 3}]}
    grafts = {name: tiny_model(graft=graft).graft for name, graft in {"a": PREFIX, "b": long}.items()}
    model = tiny_model(graft=PREFIX)
    rows = [replace(sample, graft="ab"[number % 2], media=()) for number, sample in enumerate(samples)]
    batch = batch_of(model, rows)
    probed = make_interceptor(grafts, batch.segments, False, SITES)
    texts = Texts(batch.texts["text"].ids, batch.texts["text"].mask, batch.texts["target"].ids)
    Passes(model.backbone, texts, probed).output("encoder")
    own = probed.probabilities[SITES[0]]
    assert own.shape == (len(samples), 2, batch.texts["text"].ids.shape[1], batch.texts["text"].ids.shape[1] + 3)
    torch.testing.assert_close(own.sum(-1), torch.ones(own.shape[:-1]))
    assert [bool(row[..., 0].any()) for row in own] == [sample.graft == "b" for sample in batch.samples]
