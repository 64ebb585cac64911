"""Compacter: its numbers, what its options change, and the rule that all sites share."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from multigraft.core.errors import OptionError
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.compacter import build
from multigraft.plugins.adapters.options import CompacterOptions
from multigraft.plugins.sharing.half_shared import HalfShared

SITE = Site("encoder", 0, "feed-forward", "block", None, 768, 768, "")


def compacter(**options):
    return build(CompacterOptions(kind="compacter", **options), ())


def numbers(parts):
    return sum(torch.Size(part.shape).numel() for part in parts)


def test_numbers_of_vl_adapter_s_compacter_in_bart_base():
    assert numbers(compacter().parts(SITE)) == 74_608


def test_numbers_of_the_paper_s_compacter():
    parts = compacter(hypercomplex_division=4, rank=1, shared_rule=True, reduction=32).parts(SITE)
    assert numbers(parts) == 4**3 + 2 * (768 + 24) + 768 + 24
    assert {part.name: part.scope for part in parts if part.scope != "site"} == {"rule": "model"}


def test_a_shared_rule_is_one_tensor_for_each_owner(backbone, small):
    graft = small.grafted(backbone, compacter(shared_rule=True))
    rules = [key for key in graft.bank.entries if key.part.endswith("rule")]
    assert [key.owner.site_scope for key in rules] == ["model", "model"]
    assert len(graft.sites) == 2 * (2 + 3)


@pytest.mark.parametrize("n", [2, 4, 8])
def test_numbers_by_the_formula(n):
    matrices = 2 * 768 * 96 // n + 96 + 768
    assert numbers(compacter(hypercomplex_division=n).parts(SITE)) == matrices + 2 * n**3
    assert numbers(compacter(hypercomplex_division=n, rule_rank=1).parts(SITE)) == matrices + 2 * 2 * n**2
    shared = compacter(hypercomplex_division=n, rank=2, rule_rank=3, shared_rule=True).parts(SITE)
    assert numbers(shared) == 2 * 2 * (768 + 96) + 96 + 768 + 2 * 3 * n**2


@pytest.mark.parametrize(
    ("options", "pattern", "rules"),
    [
        ({}, "*.rule", {"down.rule", "up.rule"}),
        (
            {"rule_rank": 1},
            "*.rule.*",
            {f"{half}.rule.{side}" for half in ("down", "up") for side in ("left", "right")},
        ),
        ({"shared_rule": True}, "rule", {"rule"}),
    ],
)
def test_rules_of_all_tasks_with_factors_of_each(options, pattern, rules, backbone, small):
    graft = small.grafted(backbone, compacter(**options), sharing=HalfShared([pattern]))
    for attachment in graft.attachments():
        first, second = (attachment.keys[task] for task in ("vqa", "captions"))
        assert {name for name in first if first[name] == second[name]} == rules


@pytest.mark.parametrize(
    "options",
    [
        {}, {"rank": 1}, {"shared_rule": True}, {"hypercomplex_division": 4, "width": 8}, {"hypercomplex_division": 8},
        {"rule_rank": 1}, {"rule_rank": 2, "rank": 1, "shared_rule": True, "hypercomplex_division": 4},
    ],
)  # fmt: skip
def test_each_task_gets_what_the_dense_weights_give(options, backbone, small):
    adapter = compacter(**options)
    graft = small.grafted(backbone, adapter, noise=0.3)
    site = "encoder.0.feed-forward"
    attachment = graft.sites[site][0]
    x = torch.randn(3, 5, 16, dtype=torch.float64)
    output = small.intercept(graft).block(site, x, x)
    for segment in small.segments:
        own = {name: graft.bank[key] for name, key in attachment.keys[segment.task].items()}
        hidden = x[segment.rows]
        for half in ("down", "up"):
            factors = own.get(f"{half}.factors")
            factors = own[f"{half}.left"] @ own[f"{half}.right"] if factors is None else factors
            name = "rule" if options.get("shared_rule") else f"{half}.rule"
            rule = own[f"{name}.left"] @ own[f"{name}.right"] if "rule_rank" in options else own[name]
            weight = sum(torch.kron(one, other) for one, other in zip(rule, factors, strict=True))
            hidden = hidden @ weight + own[f"{half}.bias"]
            hidden = torch.nn.functional.gelu(hidden, approximate="tanh") if half == "down" else hidden
        torch.testing.assert_close(output[segment.rows], x[segment.rows] + hidden)


def test_widths_that_n_does_not_divide_are_refused():
    with pytest.raises(OptionError, match=r"4 does not divide the bottleneck's width, 6") as caught:
        compacter(hypercomplex_division=4, width=6).parts(SITE)
    assert caught.value.location == ("hypercomplex_division",)
    odd = replace(SITE, width_in=770, width_out=770)
    with pytest.raises(OptionError, match=r"4 does not divide the width of encoder\.0\.feed-forward, 770"):
        compacter(hypercomplex_division=4, width=8).parts(odd)


def test_one_width_is_given():
    with pytest.raises(ValidationError, match="not both"):
        compacter(width=8, reduction=4)
