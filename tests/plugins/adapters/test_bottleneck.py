"""Bottleneck adapters: their numbers, what each option changes, and where they stand."""

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import gelu, layer_norm, relu, silu

from multigraft.core.interfaces.adapter import SiteCall
from multigraft.core.testing.adapters import wrong_adapter
from multigraft.core.types.site import Site
from multigraft.plugins.adapters.bottleneck import build
from multigraft.plugins.adapters.options import BottleneckOptions
from multigraft.plugins.sharing.half_shared import HalfShared

BLOCK = Site("encoder", 0, "feed-forward", "block", None, 768, 768, "")
WIDE = Site("encoder", 0, "feed-forward", "projection", "up", 768, 3072, "")
ACTIVATIONS = {
    "gelu-tanh": lambda x: gelu(x, approximate="tanh"), "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "relu": relu, "silu": silu,
}  # fmt: skip
VARIANTS = [
    {},
    {"placement": "parallel", "scale": 4.0},
    {"pre_norm": True, "activation": "gelu"},
    {"post_norm": True, "activation": "silu"},
    {"placement": "parallel", "pre_norm": True, "post_norm": True, "scale": 0.5, "activation": "relu"},
    {"placement": "parallel", "sites": {"block": ["cross-attention"], "inner": ["value"]}},
    {"pre_norm": True, "post_norm": True, "sites": {"inner": ["up"]}},
]


def bottleneck(**options):
    options = BottleneckOptions(kind="bottleneck", **options)
    return build(options, ()), options


def numbers(parts):
    return sum(torch.Size(part.shape).numel() for part in parts)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 148_320),
        ({"placement": "parallel", "scale": 4.0}, 148_320),
        ({"pre_norm": True}, 148_320 + 2 * 768),
        ({"pre_norm": True, "post_norm": True}, 148_320 + 4 * 768),
        ({"width": 24}, 2 * 768 * 24 + 24 + 768),
    ],
)
def test_numbers_of_a_block_of_bart_base(options, expected):
    assert numbers(bottleneck(**options)[0].parts(BLOCK)) == expected


@pytest.mark.parametrize(("options", "spread"), [({}, 0.02), ({"spread": 0.01}, 0.01)])
def test_matrices_start_at_random(options, spread):
    starts = {part.name: part.initial for part in bottleneck(**options)[0].parts(BLOCK)}
    for name in ("down.weight", "up.weight"):
        drawn = starts[name]((96, 768), torch.Generator().manual_seed(0))
        assert drawn.std().item() == pytest.approx(spread, rel=0.02)


def test_numbers_of_a_projection_that_widens():
    parallel = bottleneck(placement="parallel", pre_norm=True, post_norm=True, sites={"inner": ["up"]})[0]
    assert numbers(parallel.parts(WIDE)) == 768 * 96 + 96 + 96 * 3072 + 3072 + 2 * 768 + 2 * 3072
    serial = bottleneck(sites={"inner": ["up"]})[0]
    assert numbers(serial.parts(WIDE)) == 2 * 3072 * 384 + 384 + 3072


def added(adapter, own, x):
    """`scale * Norm(Up(f(Down(Norm(x)))))`, row by row, in the words of the formula."""
    options = adapter.options
    if options.pre_norm:
        x = layer_norm(x, x.shape[-1:], own["pre-norm.weight"], own["pre-norm.bias"])
    hidden = ACTIVATIONS[options.activation](x @ own["down.weight"].t() + own["down.bias"])
    wide = hidden @ own["up.weight"].t() + own["up.bias"]
    if options.post_norm:
        wide = layer_norm(wide, wide.shape[-1:], own["post-norm.weight"], own["post-norm.bias"])
    return options.scale * wide


@pytest.mark.parametrize("options", VARIANTS)
def test_each_task_gets_what_the_formula_gives(options, backbone, small):
    adapter, given = bottleneck(width=3, **options)
    graft = small.grafted(backbone, adapter, given, noise=0.3)
    name, [attachment] = next(iter(graft.sites.items()))
    site, generator = attachment.site, torch.Generator().manual_seed(2)
    x, came = (
        torch.randn(3, 5, width, generator=generator, dtype=torch.float64) for width in (site.width_in, site.width_out)
    )
    [planned] = small.intercept(graft).sites[name][0].use.adapters
    ours = planned.after(SiteCall(site, x, came, None, None, training=False))
    for segment in small.segments:
        own = {part: graft.bank[key] for part, key in attachment.keys[segment.task].items()}
        read = x if adapter.options.placement == "parallel" else came
        expected = came[segment.rows] + added(adapter, own, read[segment.rows])
        torch.testing.assert_close(ours[segment.rows], expected)


def test_it_stands_on_blocks_and_on_projections_where_they_are_named(backbone, small):
    blocks = small.grafted(backbone, *bottleneck())
    assert len(blocks.sites) == 2 * (2 + 3)
    assert {each.site.kind for each in blocks.attachments()} == {"block"}
    named = {"block": ["cross-attention"], "inner": ["value"]}
    values = small.grafted(backbone, *bottleneck(placement="parallel", sites=named))
    assert sorted(values.sites) == [f"decoder.{layer}.cross-attention.value" for layer in range(2)]


def test_norms_that_all_tasks_share_beside_the_up_half(backbone, small):
    adapter, options = bottleneck(width=3, pre_norm=True, post_norm=True)
    graft = small.grafted(backbone, adapter, options, sharing=HalfShared(["up.*", "*-norm.*"]))
    for attachment in graft.attachments():
        first, second = (attachment.keys[task] for task in ("vqa", "captions"))
        assert [name for name in first if first[name] != second[name]] == ["down.weight", "down.bias"]
    of_a_site = 2 * (16 * 3 + 3) + 3 * 16 + 16 + 4 * 16
    assert numbers(graft.bank.trained().values()) == 10 * of_a_site


@pytest.mark.parametrize("placement", ["serial", "parallel"])
def test_from_an_up_matrix_of_zeros_it_starts_as_the_plain_trunk(placement, backbone, small):
    graft = small.grafted(backbone, *bottleneck(width=3, placement=placement, start="identity"))
    assert torch.equal(small.states(backbone, small.intercept(graft)), small.states(backbone))


@pytest.mark.parametrize("options", VARIANTS)
def test_rows_in_a_mixed_batch_are_those_alone(options, backbone, small):
    graft = small.grafted(backbone, *bottleneck(width=3, **options), noise=0.3)
    whole = small.passes(backbone, small.intercept(graft)).target_states()
    alone = [
        small.passes(backbone, small.intercept(graft).narrow(each.start, each.stop), each.rows).target_states()
        for each in small.segments
    ]
    torch.testing.assert_close(whole, torch.cat(alone))


@pytest.mark.parametrize("options", VARIANTS)
def test_it_keeps_the_contract(options):
    assert list(wrong_adapter(build, BottleneckOptions(kind="bottleneck", width=3, **options))) == []


def test_one_width_is_given():
    with pytest.raises(ValidationError, match="not both"):
        bottleneck(width=8, reduction=4)


@pytest.mark.parametrize("scale", [0, -1.0])
def test_a_scale_is_above_zero(scale):
    with pytest.raises(ValidationError, match="scale"):
        bottleneck(scale=scale)
