"""`train.checkpointing`: layers are computed again in the backward pass; equal gradients, fewer bytes kept."""

import pytest
import torch

TWO = [{"kind": "bottleneck", "width": 4}, {"kind": "bottleneck", "width": 3, "name": "second", "sharing": "per-task"}]


def gradients(model, batch):
    """Gradients of the loss of all tasks together, and the bytes that the pass kept for them."""
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    torch.manual_seed(3)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        total = torch.stack([loss.sum for loss in model.losses(batch, training=True).values()]).sum()
    frozen = {parameter.data_ptr() for parameter in model.backbone.parameters()}
    found = torch.autograd.grad(total, list(model.graft.bank.trained().values()), allow_unused=True)
    return found, sum(size for place, size in kept.items() if place not in frozen)


@pytest.mark.parametrize("backbone", ["T5", "BART"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_same_gradients_with_fewer_bytes_kept(backbone, dropout, tiny, tiny_model, samples, batch_of):
    own = getattr(tiny, backbone)
    rate = "dropout_rate" if backbone == "T5" else "dropout"
    own = {**own, "architecture": own["architecture"] | {rate: dropout}}
    graft = {"adapters": TWO, "sharing": "half-shared", "train": {"norms": True}}
    model = tiny_model(backbone=own, graft=graft)
    batch = batch_of(model, samples)
    plain, bytes_of_plain = gradients(model, batch)
    model.checkpointing = True
    again, bytes_again = gradients(model, batch)
    assert sum(gradient is not None for gradient in plain) > 100
    for one, other in zip(plain, again, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    assert bytes_again < 0.6 * bytes_of_plain


def test_a_recipe_switches_it_on(tiny_model):
    assert not tiny_model().checkpointing
    assert tiny_model(train={"checkpointing": True}).checkpointing
