"""Grafts over GPT-2, whose queries, keys and values are rows of one weight, and whose places are rows of a table."""

import pytest
import torch

from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.stack import Insert
from multigraft.core.model.merging import merge
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment
from multigraft.core.types.tokens import Tokens

FUSED = ("query", "key", "value")
IDS = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 0, 0]])
TARGETS = torch.tensor([[5, 6, 7], [9, 2, 8]])
TEXTS = Texts(IDS, IDS != 0, TARGETS)
LORA = {"kind": "lora", "rank": 3, "sites": {"inner": [*FUSED, "up"]}}
LADDER = {"kind": "ladder", "reduction": 2, "trunk_precision": "same", "trunk_reads": "all"}


@pytest.fixture
def model_of(tiny, tiny_model):
    """A model of two tasks over GPT-2, moved from its start."""

    def make(*adapters, **train):
        return tiny_model(backbone=tiny.GPT2, graft={"adapters": list(adapters), "sharing": "per-task", "train": train})

    return make


def intercept(model, task):
    return make_interceptor(model.graft, [Segment(task, 0, 2)], training=False)


@torch.no_grad()
def states(model, at, inserts=()):
    return Passes(model.backbone, TEXTS, at, inserts).target_states()


def test_lora_in_parts_of_a_fused_weight_is_merged_and_taken_out_again(model_of):
    model = model_of(LORA)
    weights = {name: value.clone() for name, value in model.backbone.model.state_dict().items()}
    grafted, plain = states(model, intercept(model, "vqa")), states(model, NoGraft())
    merged = merge(model.backbone, model.graft, "vqa")
    assert len(merged.sites) == 2 * 4
    torch.testing.assert_close(states(model, NoGraft()), grafted, atol=1e-5, rtol=1e-5)
    merged.restore()
    assert not torch.allclose(grafted, plain, atol=1e-3)
    assert all(torch.equal(value, weights[name]) for name, value in model.backbone.model.state_dict().items())


def test_a_trained_bias_is_that_of_its_map_alone(model_of):
    """They start from the module's, and put into it they give what the graft gives."""
    model = model_of(biases=True)
    module = model.backbone.model.transformer.h[1].attn.c_attn
    found = {
        name: model.graft.bank[attachment.keys["vqa"]["bias"]]
        for name in FUSED
        for attachment in model.graft.sites[f"decoder.1.self-attention.{name}"]
    }
    assert {name: tuple(value.shape) for name, value in found.items()} == dict.fromkeys(FUSED, (16,))
    grafted = states(model, intercept(model, "vqa"))
    with torch.no_grad():
        for site, (attachment,) in model.graft.sites.items():
            own = next(each for each in model.backbone.sites() if each.name == site)
            rows = slice(None) if own.rows is None else slice(*own.rows)
            bias = model.backbone.model.get_submodule(own.module).bias
            bias[rows] = model.graft.bank[attachment.keys["vqa"]["bias"]]
    torch.testing.assert_close(module.bias, torch.cat([found[name] for name in FUSED]))
    torch.testing.assert_close(states(model, NoGraft()), grafted, atol=1e-5, rtol=1e-5)


def joining(place):
    made = torch.randn(2, 2, 16, generator=torch.Generator().manual_seed(3)) * 0.5
    tokens = Tokens(made, torch.tensor([[1, 1], [1, 0]]).bool())
    return [Insert("decoder", "embedding", place, lambda text: tokens)]


@pytest.mark.parametrize("place", ["front", "back"])
@pytest.mark.parametrize("reads", ["all", "text"])
def test_beside_it_a_ladder_reads_tokens_at_their_places(place, reads, model_of, monkeypatch):
    """What enters it are the words and the prompt with the rows of all their places, whatever the trunk reads."""
    model, given = model_of({**LADDER, "trunk_reads": reads}), []
    inserts, at, table = joining(place), intercept(model, "vqa"), model.backbone.model.transformer
    (side,) = at.beside("decoder")
    enter = side.network.enter
    monkeypatch.setattr(side.network, "enter", lambda x, parts: given.append(x) or enter(x, parts))
    begun = Passes(model.backbone, TEXTS, at, inserts).beginning
    stepped = begun.predicting(TARGETS, at)
    texts, prompts = table.wte(IDS), inserts[0].make(None).states
    rows = [(5, 2, given[0][0]), (3, 1, given[0][1, [0, 2, 3, 4] if place == "front" else [0, 1, 2, 5]])]
    for row, (words, joined, found) in enumerate(rows):
        pieces = [texts[row, :words], prompts[row, :joined]]
        by_hand = torch.cat(pieces[::-1] if place == "front" else pieces) + table.wpe.weight[: words + joined]
        torch.testing.assert_close(found, by_hand)
        behind = table.wte(TARGETS[row, :2]) + table.wpe.weight[words + joined :][:2]
        torch.testing.assert_close(given[1][row], behind)
    torch.testing.assert_close(stepped, states(model, at, inserts), atol=1e-5, rtol=1e-5)
