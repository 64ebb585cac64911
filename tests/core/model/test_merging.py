"""Adapters in the trunk's own projections: the same states without the graft, and exactly the old trunk back."""

import pytest
import torch
from torch import nn

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.attach import Method, add_method
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.interfaces.projection import Projection
from multigraft.core.model.merging import merge
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment
from multigraft.core.types.initial import ones
from multigraft.core.types.part import Part
from multigraft.plugins.sharing.single import Single

IDS = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 0, 0]])
TEXTS = Texts(IDS, IDS != 0, torch.tensor([[5, 6, 7], [9, 2, 8]]))
LORA = {"kind": "lora", "rank": 3, "sites": {"inner": ["query", "up"]}}
BOTH = [LORA, {"kind": "ia3"}]


@pytest.fixture(params=["T5", "BART"])
def merging(request, tiny, tiny_model):
    """A model with some adapters, moved from their start, over a backbone that each test has for itself."""

    def make(*adapters, train=None, sharing="per-task"):
        graft = {"adapters": list(adapters), "sharing": sharing, "train": train or {}}
        return tiny_model(backbone=getattr(tiny, request.param), graft=graft)

    return make


@torch.no_grad()
def states(model, task=None):
    """Of both stacks, with the graft of a task or without one."""
    intercept = make_interceptor(model.graft, [Segment(task, 0, 2)], training=False) if task else NoGraft()
    run = Passes(model.backbone, TEXTS, intercept)
    return torch.cat([run.output("encoder").states[TEXTS.mask].flatten(), run.target_states().flatten()])


@pytest.mark.parametrize("adapters", [[LORA], [{"kind": "ia3"}], BOTH], ids=["lora", "ia3", "both"])
def test_merged_without_the_graft_is_as_with_it(adapters, merging):
    model = merging(*adapters)
    plain, weights = states(model), {name: value.clone() for name, value in model.backbone.model.state_dict().items()}
    for task in ("vqa", "captions"):
        grafted = states(model, task)
        merged = merge(model.backbone, model.graft, task)
        torch.testing.assert_close(states(model), grafted, atol=1e-5, rtol=1e-5)
        assert set(merged.sites) == set(model.graft.sites)
        merged.restore()
        assert not torch.allclose(grafted, plain, atol=1e-3)
    assert torch.equal(states(model), plain)
    assert all(torch.equal(value, weights[name]) for name, value in model.backbone.model.state_dict().items())


def test_what_a_hypernetwork_makes_is_merged_too(merging, tiny):
    model = merging({"kind": "lora", "rank": 3}, sharing=tiny.SHARING["hypernetwork"])
    grafted = states(model, "vqa")
    merge(model.backbone, model.graft, "vqa")
    torch.testing.assert_close(states(model), grafted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("adapters", "train", "reason"),
    [
        ([{"kind": "prefix"}], None, r"adapter 'prefix' cannot be merged at \S+memory: a prefix is no part"),
        ([{"kind": "bottleneck"}], None, r"adapter 'bottleneck' cannot be merged at \S+: it is a block"),
        ([LORA, {**LORA, "name": "more"}], None, r"the adapters lora, more at \S+query cannot be merged together"),
        ([LORA], {"norms": True}, r"the norms that were trained at \S+norm cannot be merged"),
    ],
)
def test_refused_with_the_reason_and_nothing_changed(adapters, train, reason, merging):
    model = merging(*adapters, train=train)
    plain = states(model)
    with pytest.raises(MultigraftError, match=reason):
        merge(model.backbone, model.graft, "vqa")
    assert torch.equal(states(model), plain)


def test_quantised_weights_are_refused(merging):
    model = merging(LORA)
    site = next(site for site in model.backbone.sites() if site.name in model.graft.sites)
    module = model.backbone.model.get_submodule(site.module)
    module.weight = nn.Parameter(module.weight.to(torch.float8_e4m3fn), requires_grad=False)
    module.forward = lambda x: x @ module.weight.float().t()
    with pytest.raises(MultigraftError, match=r"its weight is quantised \(Parameter torch\.float8_e4m3fn\)"):
        merge(model.backbone, model.graft, "vqa")


def test_tied_weights_are_refused(merging):
    model = merging(LORA)
    sites = [site for site in model.backbone.sites() if site.inner == "query"]
    first, second = (model.backbone.model.get_submodule(site.module) for site in sites[:2])
    second.weight = first.weight
    with pytest.raises(MultigraftError, match=r"query cannot be merged: other modules have the same weight"):
        merge(model.backbone, model.graft, "vqa")


def test_an_unknown_task(merging):
    model = merging(LORA)
    with pytest.raises(MultigraftError, match="the graft has no task 'vqaa'; it has vqa, statements, captions, videos"):
        merge(model.backbone, model.graft, "vqaa")


@pytest.mark.parametrize("transposed", [False, True])
def test_a_view_of_a_fused_weight_is_replaced_in_its_rows_alone(transposed):
    fused = nn.Linear(4, 9)
    if transposed:
        fused.weight = nn.Parameter(fused.weight.t().contiguous())
    query, key = (Projection(fused, slice(start, start + 3), transposed) for start in (0, 3))
    x, before = torch.randn(2, 5, 4), key(torch.ones(1, 1, 4))
    weight, bias = torch.randn(3, 4), torch.randn(3)
    query.replace(weight, bias)
    torch.testing.assert_close(query(x), nn.functional.linear(x, weight, bias))
    assert torch.equal(key(torch.ones(1, 1, 4)), before)
    with pytest.raises(ValueError, match="keeps its bias"):
        query.replace(weight, None)


class Odd(Adapter):
    """Doubles every weight, and at the last projection of a block changes whether there is a bias."""

    kinds = ("projection",)

    def parts(self, site):
        return (Part("scale", (1,), ones),)

    def merged(self, site, weight, bias, parts):
        if site.inner != "down":
            return 2 * weight, bias
        return weight, None if bias is not None else torch.zeros(len(weight))


def test_nothing_is_changed_where_a_later_site_cannot_be_merged(merging):
    model, graft = merging(LORA), Graft(("vqa",), Bank(0))
    sites = tuple(site for site in model.backbone.sites() if site.inner in ("query", "down"))
    add_method(graft, Method("odd", Odd(), sites, Single()))
    graft.bank.allocate(torch.device("cpu"))
    before = {name: value.clone() for name, value in model.backbone.model.state_dict().items()}
    with pytest.raises(MultigraftError, match=r"adapter 'odd' cannot be merged at encoder\.0\.feed-forward\.down: "):
        merge(model.backbone, graft, "vqa")
    assert all(torch.equal(value, before[name]) for name, value in model.backbone.model.state_dict().items())
