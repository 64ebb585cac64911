"""What an adapter is told at a site: the weight and the bias in use, for the rows of each owner."""

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from multigraft.core.graft.attach import Method, Overlay, add_method, add_overlays
from multigraft.core.graft.attachment import Graft
from multigraft.core.graft.bank import Bank
from multigraft.core.graft.plan import make_interceptor
from multigraft.core.interfaces.adapter import Adapter
from multigraft.core.interfaces.projection import Projection
from multigraft.core.types.batch import Segment
from multigraft.core.types.initial import ones
from multigraft.core.types.part import Part
from multigraft.core.types.site import Site
from multigraft.plugins.sharing.per_task import PerTask
from multigraft.plugins.sharing.single import Single

TASKS = ("vqa", "captions")
SEGMENTS = (Segment("vqa", 0, 2), Segment("captions", 2, 3))
QUERY = Site("encoder", 0, "self-attention", "projection", "query", 4, 6, "query")
BLOCK = Site("encoder", 0, "self-attention", "block", None, 4, 4, "")
NORM = Site("encoder", 0, "self-attention", "norm", "norm", 4, 4, "norm")


class Anew(Adapter):
    """The site's own computation done again from what the call says, times a scale of one."""

    kinds = ("projection", "norm")

    def parts(self, site):
        return (Part("scale", (1,), ones),)

    def after(self, call, parts):
        if call.site.kind == "projection":
            return linear(call.input, call.own.weight, call.own.bias) * parts["scale"]
        return (
            nn.functional.layer_norm(call.input, call.own.weight.shape, call.own.weight, call.own.bias) * parts["scale"]
        )


class OfTheStream(Adapter):
    """What a block's output is added to, times a scale of one."""

    def parts(self, site):
        return (Part("scale", (1,), ones),)

    def after(self, call, parts):
        return call.stream * parts["scale"]


@pytest.fixture
def graft():
    made = Graft(TASKS, Bank(0))
    add_method(made, Method("anew", Anew(), (QUERY, NORM), Single()))
    return made


def moved(graft):
    """Allocate, and move every tensor but the scale away from its start."""
    graft.bank.allocate(torch.device("cpu"))
    with torch.no_grad():
        for number, (key, value) in enumerate(graft.bank.trained().items()):
            if not key.part.endswith("scale"):
                value.add_(1.0 + number)
    return make_interceptor(graft, SEGMENTS, training=False)


@pytest.mark.parametrize("bias", [True, False])
def test_without_overlays_it_is_the_frozen_one(graft, bias):
    module, x = nn.Linear(4, 6, bias=bias), torch.randn(3, 5, 4)
    assert torch.equal(moved(graft).linear(QUERY.name, Projection(module), x), module(x))


def test_a_trained_bias_is_what_an_adapter_sees(graft):
    module, x = nn.Linear(4, 6), torch.randn(3, 5, 4)
    add_overlays(graft, [Overlay.of("biases", QUERY, module, ["bias"])], Single())
    output = moved(graft).linear(QUERY.name, Projection(module), x)
    (bias,) = (value for key, value in graft.bank.trained().items() if key.part == "biases.bias")
    assert torch.equal(output, linear(x, module.weight, bias))
    assert not torch.allclose(output, module(x))


def test_trained_norms_are_what_an_adapter_sees(graft):
    module, x = nn.LayerNorm(4), torch.randn(3, 5, 4)
    add_overlays(graft, [Overlay.of("norms", NORM, module, ["weight", "bias"])], Single())
    output = moved(graft).norm(NORM.name, module, x)
    gain, shift = (value for key, value in graft.bank.trained().items() if key.part.startswith("norms"))
    assert torch.allclose(output, nn.functional.layer_norm(x, (4,), gain, shift))


def test_each_task_sees_its_own_where_an_overlay_has_owners(graft):
    module, x = nn.Linear(4, 6), torch.randn(3, 5, 4)
    add_overlays(graft, [Overlay.of("biases", QUERY, module, ["bias"])], PerTask())
    keys = next(each.keys for each in graft.sites[QUERY.name] if each.adapter is None)
    output = moved(graft).linear(QUERY.name, Projection(module), x)
    for segment in SEGMENTS:
        bias = graft.bank[keys[segment.task]["bias"]]
        assert torch.equal(output[segment.rows], linear(x[segment.rows], module.weight, bias))


def test_gradients_reach_the_bias_through_the_adapter(graft):
    module = nn.Linear(4, 6)
    add_overlays(graft, [Overlay.of("biases", QUERY, module, ["bias"])], Single())
    moved(graft).linear(QUERY.name, Projection(module), torch.randn(3, 5, 4)).sum().backward()
    (bias,) = (value for key, value in graft.bank.trained().items() if key.part == "biases.bias")
    assert bias.grad.tolist() == [15.0] * 6


@pytest.mark.parametrize("residual", [None, torch.full((3, 2, 4), 7.0)], ids=["post-norm", "pre-norm"])
def test_an_adapter_sees_what_the_output_of_its_block_is_added_to(residual):
    x, output = torch.randn(3, 2, 4), torch.zeros(3, 2, 4)
    made = Graft(TASKS, Bank(0))
    add_method(made, Method("stream", OfTheStream(), (BLOCK,), PerTask()))
    scaled = torch.cat([(x if residual is None else residual)[:2] * 2, (x if residual is None else residual)[2:] * 3])
    torch.testing.assert_close(set_scales(made, 2.0, 3.0).block(BLOCK.name, x, output, residual), scaled)


def test_so_it_does_where_the_rows_are_of_several_grafts():
    x, output, residual = torch.randn(3, 2, 4), torch.zeros(3, 2, 4), torch.randn(3, 2, 4)
    grafts = {name: Graft(TASKS, Bank(0)) for name in ("plain", "stream")}
    add_method(grafts["stream"], Method("stream", OfTheStream(), (BLOCK,), PerTask()))
    set_scales(grafts["stream"], 2.0, 3.0)
    segments = (Segment("vqa", 0, 1, "plain"), Segment("vqa", 1, 2, "stream"), Segment("captions", 2, 3, "stream"))
    came = make_interceptor(grafts, segments, training=False).block(BLOCK.name, x, output, residual)
    torch.testing.assert_close(came, torch.cat([output[:1], residual[1:2] * 2, residual[2:] * 3]))


def set_scales(graft, *scales):
    graft.bank.allocate(torch.device("cpu"))
    with torch.no_grad():
        for value, scale in zip(graft.bank.trained().values(), scales, strict=True):
            value.fill_(scale)
    return make_interceptor(graft, SEGMENTS, training=False)
