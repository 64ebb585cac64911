"""`train.checkpointing`: layers are computed again in the backward pass; equal gradients, fewer bytes kept."""

from dataclasses import replace

import pytest
import torch

GRAFTS = {
    "two bottlenecks": [
        {"kind": "bottleneck", "width": 4},
        {"kind": "bottleneck", "width": 3, "name": "second", "sharing": "per-task"},
    ],
    "prefix and LoRA": [
        {"kind": "prefix", "tokens": 2, "sharing": "per-task"},
        {"kind": "lora", "rank": 2, "dropout": 0.2},
    ],
    "generated": [{"kind": "bottleneck", "width": 4, "sharing": "hypernetwork"}],
}
RATES = {"T5": "dropout_rate", "BART": "dropout", "DECODER": "attention_dropout", "GPT2": "resid_pdrop"}


def gradients(model, batch):
    """Gradients of the loss of all tasks together, and the bytes that the pass kept for them."""
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    torch.manual_seed(3)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        total = torch.stack([loss.sum for (loss,) in model.losses(batch, training=True).values()]).sum()
    frozen = {parameter.data_ptr() for parameter in model.backbone.parameters()}
    found = torch.autograd.grad(total, list(model.graft.bank.trained().values()), allow_unused=True)
    return found, sum(size for place, size in kept.items() if place not in frozen)


@pytest.mark.parametrize("backbone", RATES)
@pytest.mark.parametrize("adapters", GRAFTS)
def test_the_same_gradients_with_fewer_bytes_kept(backbone, adapters, tiny, tiny_model, samples, batch_of):
    own = getattr(tiny, backbone)
    own = {**own, "architecture": own["architecture"] | {RATES[backbone]: 0.3}}
    rule = {"sharing": "half-shared"} if adapters != "generated" else {}
    graft = {"adapters": GRAFTS[adapters], "train": {"norms": True}, **rule}
    model = tiny_model(backbone=own, graft=graft)
    batch = batch_of(model, samples)
    plain, bytes_of_plain = gradients(model, batch)
    model.trunk = replace(model.trunk, checkpointing=True)
    again, bytes_again = gradients(model, batch)
    assert sum(gradient is not None for gradient in plain) > 30
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    assert bytes_again < 0.65 * bytes_of_plain  # logits and generated parts are kept either way


def test_a_recipe_switches_it_on(tiny_model):
    assert not tiny_model().trunk.checkpointing
    assert tiny_model(train={"checkpointing": True}).trunk.checkpointing
