"""Dropout drops its share, leaves the mean, and depends on torch's seed alone."""

import pytest
import torch

from multigraft.plugins.backbones.dropout import dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_share_is_dropped_and_the_others_are_scaled_up(rate):
    torch.manual_seed(0)
    dropped = dropout(torch.full((300, 7, 101), 3.0), rate, training=True)
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([3 / (1 - rate)], rel=1e-3)
    assert dropped.mean().item() == pytest.approx(3, rel=0.02)


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(400_003), 0.5, training=True) != 0).float()
    for apart in (1, 2, 3, 4, 8):
        assert (kept[apart:] * kept[:-apart]).mean().item() == pytest.approx(0.25, abs=0.01)


def test_the_gradient_goes_where_a_number_was_kept():
    x = torch.ones(5, 9, requires_grad=True)
    dropped = dropout(x, 0.3, training=True)
    dropped.sum().backward()
    assert torch.equal(x.grad, dropped.detach())


def test_one_seed_gives_one_mask():
    masks = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        masks.append(dropout(torch.ones(50, 3), 0.2, training=True))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.4, False)])
def test_nothing_is_dropped_at_rate_0_or_outside_of_training(rate, training):
    x = torch.randn(4, 5)
    assert torch.equal(dropout(x, rate, training), x)


def test_all_is_dropped_at_rate_1():
    assert not dropout(torch.ones(4, 5), 1.0, training=True).any()
