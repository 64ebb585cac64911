"""The low-rank adapter: its numbers, and what the dense weights give."""

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import gelu

from multigraft.core.types.site import Site
from multigraft.plugins.adapters.low_rank import build
from multigraft.plugins.adapters.options import LowRankOptions

SITE = Site("encoder", 0, "feed-forward", "block", None, 768, 768, "")


def low_rank(**options):
    return build(LowRankOptions(kind="low-rank", **options), ())


@pytest.mark.parametrize("rank", [1, 8])
def test_numbers_of_a_block_of_bart_base(rank):
    numbers = sum(torch.Size(part.shape).numel() for part in low_rank(rank=rank).parts(SITE))
    assert numbers == 2 * rank * (768 + 96) + 96 + 768


def test_it_starts_as_the_reference_s_does():
    """Matrices uniform with Glorot's bound times sqrt(2), biases zero."""
    starts = {
        part.name: part.initial(part.shape, torch.Generator().manual_seed(0)) for part in low_rank(rank=4).parts(SITE)
    }
    assert not starts.pop("down.bias").any()
    assert not starts.pop("up.bias").any()
    for value in starts.values():
        bound = (2 * 6 / sum(value.shape)) ** 0.5
        assert 0.9 * bound < value.abs().max() <= bound


@pytest.mark.parametrize("rank", [1, 3])
def test_each_task_gets_what_the_dense_weights_give(rank, backbone, small):
    graft = small.grafted(backbone, low_rank(rank=rank, width=4), noise=0.3)
    site = "decoder.1.cross-attention"
    x = torch.randn(3, 5, 16, dtype=torch.float64)
    output = small.intercept(graft).block(site, x, x)
    for segment in small.segments:
        own = {part: graft.bank[key] for part, key in graft.sites[site][0].keys[segment.task].items()}
        down, up = (own[f"{half}.left"] @ own[f"{half}.right"] for half in ("down", "up"))
        assert torch.linalg.matrix_rank(down) == rank
        hidden = gelu(x[segment.rows] @ down + own["down.bias"], approximate="tanh")
        torch.testing.assert_close(output[segment.rows], x[segment.rows] + hidden @ up + own["up.bias"])


def test_one_width_is_given():
    with pytest.raises(ValidationError, match="not both"):
        low_rank(width=8, reduction=4)
