"""LoRA: its numbers, its start, its scale and its dropout."""

import pytest
import torch
from pydantic import ValidationError

from multigraft.core.types.site import Site
from multigraft.plugins.adapters.lora import build
from multigraft.plugins.adapters.options import LoraOptions
from multigraft.plugins.sharing.single import Single

SITE = Site("decoder", 0, "feed-forward", "projection", "up", 16, 24, "")


def lora(**options):
    return build(LoraOptions(kind="lora", **options), ())


def test_numbers_of_a_site():
    assert sum(torch.Size(part.shape).numel() for part in lora(rank=4).parts(SITE)) == 4 * (16 + 24)


def test_query_and_value_are_its_sites_where_a_recipe_names_none(backbone, small):
    graft = small.grafted(backbone, lora(), LoraOptions(kind="lora"))
    assert {name.split(".")[-1] for name in graft.sites} == {"query", "value"}
    assert len(graft.sites) == 2 * (2 + 4)


def test_it_starts_as_a_linear_layer_and_zero():
    down, up = (part.initial(part.shape, torch.Generator().manual_seed(0)) for part in lora(rank=500).parts(SITE))
    assert 0.24 < down.abs().max() <= 1 / 4
    assert not up.any()


def test_at_the_start_it_does_nothing(backbone, small):
    graft = small.grafted(backbone, lora())
    assert torch.equal(small.states(backbone, small.intercept(graft)), small.states(backbone))


@pytest.mark.parametrize(
    ("options", "scale"), [({"rank": 4, "alpha": 8}, 2.0), ({"rank": 4, "alpha": 8, "scaling": "sqrt-rank"}, 4.0)]
)
def test_scale(options, scale):
    assert lora(**options).scale == scale


def test_dropout_acts_in_training_alone(backbone, small):
    graft = small.grafted(backbone, lora(dropout=0.5), noise=0.3, sharing=Single())
    plain = small.grafted(backbone, lora(), noise=0.3, sharing=Single())
    calm, without = (small.states(backbone, small.intercept(each)) for each in (graft, plain))
    assert torch.equal(calm, without)
    site = "encoder.0.self-attention.query"
    projection = next(iter(backbone.stacks["encoder"].layers))._own._projections["query"]
    x = torch.ones(3, 200, 16, dtype=torch.float64)
    once = small.intercept(graft, training=True).linear(site, projection, x)
    assert not torch.allclose(once, small.intercept(plain).linear(site, projection, x))
    assert len(once.flatten(0, 1).unique(dim=0)) > 1


@pytest.mark.parametrize("options", [{"rank": 0}, {"alpha": 0}, {"dropout": 1.0}, {"scaling": "root"}])
def test_refused(options):
    with pytest.raises(ValidationError):
        lora(**options)
