"""VL-PET: each gate by its formula, for the rows of each owner, and where it cannot be."""

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu, linear

from multigraft.core.errors import OptionError
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.options import VlPetOptions
from multigraft.plugins.adapters.vl_pet import build

GATES = {"large": 2 * 16 * 4 + 4 + 16, "middle-x": 16 + 1, "middle-y": 16, "small": 2 * 16 + 1}
"""Numbers of the gate of a block of width 16, beside a bottleneck of 4."""
NAME = "encoder.0.feed-forward"


def bottleneck(x, parts, name=""):
    down = linear(x, parts[f"{name}down.weight"], parts[f"{name}down.bias"])
    return linear(gelu(down, approximate="tanh"), parts[f"{name}up.weight"], parts[f"{name}up.bias"])


def gate(kind, x, y, parts, mask):
    """`(rows, tokens, width)`, or with 1 where one number is for all."""
    if kind == "large":
        return torch.sigmoid(bottleneck(x, parts, "gate-"))
    if kind == "middle-y":
        return 1 + parts["gate.scale"]
    if kind == "middle-x":
        return torch.sigmoid((x + y) @ parts["gate.weight"].T + parts["gate.bias"])
    each = torch.sigmoid(torch.cat([x, y], -1) @ parts["gate.weight"].T + parts["gate.bias"])
    return torch.stack([row[real].mean(0, keepdim=True) for row, real in zip(each, mask, strict=True)])


@pytest.mark.parametrize("kind", GATES)
def test_what_comes_out_of_a_block_is_scaled(kind, backbone, small):
    options = VlPetOptions(kind="vl-pet", width=4, gate=kind, sites={"stack": ["encoder"]})
    graft = small.grafted(backbone, build(options, ()), options, noise=0.3)
    (attachment,) = graft.sites[NAME]
    numbers = sum(value.numel() for value in graft.bank.trained().values())
    assert numbers == 2 * 2 * len(graft.tasks) * (2 * 16 * 4 + 4 + 16 + GATES[kind])
    generator = torch.Generator().manual_seed(0)
    x, h = (torch.randn(3, 5, 16, generator=generator, dtype=torch.float64) for _ in range(2))
    mask = torch.arange(5) < torch.tensor([[5], [3], [1]])
    made = small.intercept(graft).masked(mask).block(NAME, torch.zeros_like(x), h, x)
    for segment in small.segments:
        parts = {name: graft.bank[key] for name, key in attachment.keys[segment.task].items()}
        own = h[segment.rows]
        y = own + bottleneck(own, parts)
        expected = y * gate(kind, x[segment.rows], y, parts, mask[segment.rows])
        torch.testing.assert_close(made[segment.rows], expected, atol=1e-9, rtol=1e-9)


def test_four_heads_side_by_side_are_one_matrix():
    """The authors' down projection has four linear layers, whose outputs are joined."""
    heads = [nn.Linear(16, 2).double() for _ in range(4)]
    x = torch.randn(3, 5, 16, dtype=torch.float64)
    weight, bias = (torch.cat([getattr(head, name) for head in heads]) for name in ("weight", "bias"))
    torch.testing.assert_close(linear(x, weight, bias), torch.cat([head(x) for head in heads], -1))


def test_a_number_for_a_whole_text_is_refused_in_a_decoder():
    adapter = build(VlPetOptions(kind="vl-pet", gate="small"), ())
    with pytest.raises(OptionError, match=r"one number for a whole text cannot be had at decoder\.0\.feed-forward"):
        adapter.parts(Site("decoder", 0, "feed-forward", "block", None, 16, 16, ""))
