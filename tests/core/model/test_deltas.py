"""Weighted sums of what adapters add to a trunk: `W + sum of weight * delta`, against plain sums in float64."""

import math

import pytest
import torch

from multigraft.core.errors import MultigraftError
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.deltas import WeightedTask, stacked, summed, terms_by_site
from multigraft.core.model.merging import merge, merge_sum
from multigraft.core.model.trunk import Trunk
from multigraft.core.trunk.passes import Passes, Texts
from multigraft.core.types.batch import Segment

IDS = torch.tensor([[4, 7, 9, 2, 5], [8, 3, 6, 0, 0]])
TEXTS = Texts(IDS, IDS != 0, torch.tensor([[5, 6, 7], [9, 2, 8]]))
LORA = {"kind": "lora", "rank": 3, "alpha": 5.0, "sites": {"inner": ["query", "up"]}}
STABLE = {"kind": "lora", "rank": 4, "alpha": 7.0, "scaling": "sqrt-rank", "sites": {"inner": ["query", "value"]}}
NO_SUM = r"cannot be added to others at \S+: what it does is no matrix added to the weight"
CLOSE = {"atol": 1e-12, "rtol": 1e-12}


@pytest.fixture
def over_one_trunk(registry, tiny, tiny_recipe, tiny_model):
    """A backbone, and what makes graft after graft over it, in float64 and off their start."""
    first = tiny_model(graft={"adapters": [LORA], "sharing": "per-task"})
    first.backbone.double()

    def graft(*adapters, sharing="per-task", seed=1, train=None):
        section = {"adapters": list(adapters), "sharing": sharing, "train": train or {}}
        recipe = tiny_recipe(graft=section, train={"seed": seed})
        model = build_model(recipe, registry, Trunk(first.backbone, first.encoders, {}))
        allocate(model, torch.device("cpu"))
        generator = torch.Generator().manual_seed(seed)
        for value in model.graft.bank.trained().values():
            value.data = value.data.double() + 0.2 * torch.randn(value.shape, generator=generator).double()
        return model.graft

    return first.backbone, graft


def weights(backbone):
    return {name: value.clone() for name, value in backbone.model.state_dict().items()}


def factors(graft, task, site, name="lora"):
    """The two matrices of LoRA that a task has at a site."""
    attachment = next(each for each in graft.sites[site] if each.method == name)
    return (graft.bank[attachment.keys[task][f"{part}.weight"]].detach() for part in ("up", "down"))


def by_hand(graft, task, site, scale):
    up, down = factors(graft, task, site)
    return scale * up @ down


def module_of(backbone, site):
    return next(each for each in backbone.sites() if each.name == site).module


@torch.no_grad()
def states(backbone, graft=None, task=None):
    """Of both stacks, with a task's graft or without one."""
    intercept = make_interceptor(graft, [Segment(task, 0, 2)], training=False) if graft else NoGraft()
    run = Passes(backbone, TEXTS, intercept)
    return torch.cat([run.output("encoder").states[TEXTS.mask].flatten(), run.target_states().flatten()])


def test_two_ranks_two_scalings_and_both_signs_are_the_plain_sum(over_one_trunk):
    backbone, graft = over_one_trunk
    one, other = graft(LORA), graft(STABLE, seed=2)
    before = weights(backbone)
    sources = [WeightedTask(one, "vqa", 0.7), WeightedTask(one, "captions", -1.5), WeightedTask(other, "vqa", -0.3)]
    merged = merge_sum(backbone, sources)
    assert set(merged.sites) == {*one.sites, *other.sites}
    changed = weights(backbone)
    query, up, value = (
        f"decoder.1.{place}" for place in ("self-attention.query", "feed-forward.up", "self-attention.value")
    )
    first = {s: 0.7 * by_hand(one, "vqa", s, 5 / 3) - 1.5 * by_hand(one, "captions", s, 5 / 3) for s in (query, up)}
    second = {s: -0.3 * by_hand(other, "vqa", s, 7 / math.sqrt(4)) for s in (query, value)}
    for site, expected in {query: first[query] + second[query], up: first[up], value: second[value]}.items():
        name = f"{module_of(backbone, site)}.weight"
        torch.testing.assert_close(changed[name], before[name] + expected, **CLOSE)
        assert (changed[name] - before[name]).abs().max() > 0.1
    written = {f"{module_of(backbone, site)}.weight" for site in merged.sites}
    assert {name for name, value in changed.items() if not torch.equal(value, before[name])} <= written
    merged.restore()
    assert all(torch.equal(value, before[name]) for name, value in weights(backbone).items())


@pytest.mark.parametrize("sharing", ["single", "half-shared", "half-shared down", "per-task", "groups", "hypernetwork"])
def test_weight_one_is_the_graft_itself_whoever_owns_its_parts(sharing, over_one_trunk, tiny):
    backbone, graft = over_one_trunk
    own = graft(LORA, sharing=tiny.SHARING[sharing])
    plain, grafted = states(backbone), states(backbone, own, "captions")
    merged = merge_sum(backbone, [WeightedTask(own, "captions", 1.0)])
    torch.testing.assert_close(states(backbone), grafted, **CLOSE)
    assert not torch.allclose(grafted, plain, atol=1e-3)
    merged.restore()
    assert torch.equal(states(backbone), plain)


def test_a_weight_and_its_negative_leave_the_trunk_as_it_is(over_one_trunk):
    backbone, graft = over_one_trunk
    own, before = graft(LORA), weights(backbone)
    merge_sum(backbone, [WeightedTask(own, "vqa", 0.4), WeightedTask(own, "vqa", -0.4)])
    for name, value in weights(backbone).items():
        torch.testing.assert_close(value, before[name], **CLOSE)


def test_deltas_of_several_adapters_at_a_site_are_added(over_one_trunk):
    backbone, graft = over_one_trunk
    union = graft(LORA, {**STABLE, "name": "stable"})
    grafted = states(backbone, union, "vqa")
    with pytest.raises(MultigraftError, match="cannot be merged together"):
        merge(backbone, union, "vqa")
    merge_sum(backbone, [WeightedTask(union, "vqa", 1.0)])
    torch.testing.assert_close(states(backbone), grafted, **CLOSE)


def test_stacked_factors_have_the_sum_of_the_ranks_and_the_sums_product(over_one_trunk):
    _, graft = over_one_trunk
    one, other = graft(LORA), graft(STABLE, seed=2)
    terms = terms_by_site([WeightedTask(one, "vqa", 0.7), WeightedTask(other, "videos", -2.0)])
    ranks = {}
    for site, own in terms.items():
        up, down = stacked(own, torch.float64)
        ranks.setdefault(site.rpartition(".")[2], set()).add((up.shape[1], len(down)))
        torch.testing.assert_close(up @ down, sum(t.weight * t.up @ t.down for t in own), **CLOSE)
        torch.testing.assert_close(summed(own, torch.float64), up @ down, **CLOSE)
    assert ranks == {"query": {(7, 7)}, "up": {(3, 3)}, "value": {(4, 4)}}


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_no_finite_number(weight, over_one_trunk):
    backbone, graft = over_one_trunk
    own, before = graft(LORA), weights(backbone)
    with pytest.raises(MultigraftError, match=f"the weight of task 'vqa' is {weight}; give a finite number"):
        merge_sum(backbone, [WeightedTask(own, "captions", 1.0), WeightedTask(own, "vqa", weight)])
    assert all(torch.equal(value, before[name]) for name, value in weights(backbone).items())


def test_an_unknown_task(over_one_trunk):
    backbone, graft = over_one_trunk
    with pytest.raises(MultigraftError, match="the graft has no task 'vqaa'; it has vqa, statements"):
        merge_sum(backbone, [WeightedTask(graft(LORA), "vqaa", 1.0)])


@pytest.mark.parametrize(
    ("adapters", "train", "reason"),
    [
        (
            [{"kind": "dora"}],
            None,
            r"adapter 'dora' of b:vqa cannot be added to others at \S+: what it does is no matrix",
        ),
        (
            [{"kind": "ia3"}],
            None,
            r"adapter 'ia3' of b:vqa cannot be added to others at \S+: what it does is no matrix",
        ),
        ([{"kind": "bottleneck"}], None, r"adapter 'bottleneck' of b:vqa cannot be merged at \S+: it is a block"),
        ([{"kind": "prefix"}], None, r"adapter 'prefix' of b:vqa cannot be merged at \S+: a prefix is no part"),
        ([LORA], {"norms": True}, r"the norms that were trained at \S+norm cannot be merged"),
    ],
)
def test_what_is_no_sum_is_refused_with_the_reason_and_nothing_changed(adapters, train, reason, over_one_trunk):
    backbone, graft = over_one_trunk
    good, bad, before = graft(LORA), graft(*adapters, train=train), weights(backbone)
    with pytest.raises(MultigraftError, match=reason):
        merge_sum(backbone, [WeightedTask(good, "vqa", 1.0), WeightedTask(bad, "vqa", 1.0, "b:vqa")])
    assert all(torch.equal(value, before[name]) for name, value in weights(backbone).items())
