"""Pooling of items with different numbers of tokens, held against torch's adaptive pooling of each alone."""

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool1d, adaptive_max_pool1d

from multigraft.plugins.prompts.masked_pooling import pool_masked

LENGTHS = torch.tensor([[1, 2, 0], [7, 8, 9], [23, 3, 17]])
ADAPTIVE = {"max": adaptive_max_pool1d, "mean": adaptive_avg_pool1d}


def items(most=23):
    """Tokens that stand behind an item's own would be seen at once."""
    mask = torch.arange(most) < LENGTHS[..., None]
    tokens = torch.randn(*mask.shape, 5, generator=torch.Generator().manual_seed(0))
    return torch.where(mask[..., None], tokens, torch.nan), mask


@pytest.mark.parametrize("how", ["max", "mean"])
@pytest.mark.parametrize("most", [1, 2, 4, 7, 8, 22, 23, 40])
def test_each_item_is_pooled_over_its_own_tokens(how, most):
    tokens, mask = items()
    pooled, real = pool_masked(tokens, mask, most, how)
    assert pooled.shape == (3, 3, min(most, 23), 5)
    assert real.sum(2).tolist() == LENGTHS.clamp(max=most).tolist()
    for row in range(3):
        for item, length in enumerate(LENGTHS[row].tolist()):
            count = min(most, length)
            assert (pooled[row, item, count:] == 0).all()
            if count:
                alone = ADAPTIVE[how](tokens[row, item, :length].T, count).T
                assert torch.allclose(pooled[row, item, :count], alone, atol=1e-6)


def test_few_tokens_stay_as_they_are():
    tokens, mask = items()
    pooled, real = pool_masked(tokens, mask, 30, "max")
    assert torch.equal(real, mask)
    assert torch.equal(pooled[mask], tokens[mask])


@pytest.mark.parametrize("how", ["max", "mean"])
def test_gradients_reach_real_tokens_alone(how):
    tokens, mask = items()
    tokens = torch.nan_to_num(tokens).requires_grad_()
    pool_masked(tokens, mask, 4, how)[0].sum().backward()
    reached = tokens.grad.abs().sum(3) > 0
    assert not reached[~mask].any()
    assert reached[mask].all() if how == "mean" else reached[mask].any()
