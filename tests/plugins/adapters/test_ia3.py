"""(IA)3: what it scales, its numbers and its start."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import linear

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.projection import Projection
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.ia3 import build
from multigraft.plugins.adapters.options import Ia3Options
from multigraft.plugins.sharing.half_shared import HalfShared

SITE_UP = Site("decoder", 0, "feed-forward", "projection", "up", 16, 24, "")
OPTIONS = Ia3Options(kind="ia3")


def test_sites_and_numbers(backbone, small):
    graft = small.grafted(backbone, build(OPTIONS, ()), OPTIONS)
    assert {name.split(".")[-1] for name in graft.sites} == {"key", "value", "down"}
    keys = graft.sites["encoder.0.self-attention.key"][0].site.width_out
    numbers = sum(value.numel() for value in graft.bank.trained().values())
    assert numbers == 2 * (2 * (1 + 2) * 2 * keys + 2 * 2 * 24)


def test_at_the_start_it_does_nothing(backbone, small):
    graft = small.grafted(backbone, build(OPTIONS, ()), OPTIONS)
    assert torch.equal(small.states(backbone, small.intercept(graft)), small.states(backbone))


@pytest.mark.parametrize("inner", ["key", "down"])
def test_outputs_and_inputs_are_scaled_by_the_owner_s_vector(inner, backbone, small):
    graft = small.grafted(backbone, build(OPTIONS, ()), OPTIONS, noise=0.3)
    name = next(name for name in graft.sites if name.endswith(inner))
    (attachment,) = graft.sites[name]
    module = nn.Linear(attachment.site.width_in, attachment.site.width_out).double()
    x = torch.randn(3, 5, attachment.site.width_in, dtype=torch.float64)
    output = small.intercept(graft).linear(name, Projection(module), x)
    for segment in small.segments:
        vector, own = graft.bank[attachment.keys[segment.task]["scale"]], x[segment.rows]
        expected = module(own * vector) if inner == "down" else module(own) * vector
        torch.testing.assert_close(output[segment.rows], expected)
        merged = attachment.adapter.merged(attachment.site, module.weight, module.bias, {"scale": vector})
        torch.testing.assert_close(linear(own, *merged), expected)


def test_what_is_scaled_at_its_input_can_be_said():
    ia3 = build(Ia3Options(kind="ia3", scale_input=["up"]), ())
    [part] = ia3.parts(SITE_UP)
    assert part.shape == (SITE_UP.width_in,)
    with pytest.raises(ValidationError, match="'query', 'key', 'value', 'output', 'up', 'gate' or 'down'"):
        Ia3Options(kind="ia3", scale_input=["dwon"])


def test_what_is_scaled_at_its_input_and_stands_nowhere_is_told():
    said = build(Ia3Options(kind="ia3", scale_input=["down", "up"]), ())
    assert said.unused([SITE_UP]) == ["down"]
    assert build(OPTIONS, ()).unused([SITE_UP]) == []


def test_half_of_one_part_cannot_be_shared(backbone, small):
    with pytest.raises(MultigraftError, match=r"shares every part of \['scale'\]"):
        small.grafted(backbone, build(OPTIONS, ()), OPTIONS, sharing=HalfShared(["scale"]))
