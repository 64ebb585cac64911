"""A side network of somebody else, written against the public surface alone, keeps the contract and learns."""

import inspect

import pytest
import torch
from torch.nn.functional import linear

from multigraft import AdapterOptions, Part, SideNetwork
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import load_registry
from multigraft.init import normal, zeros
from multigraft.testing import check_built

PLUGIN = """
from torch.nn.functional import linear

from multigraft import AdapterOptions, Component, Part, SideNetwork, hookimpl
from multigraft.init import normal, zeros


class HalvesOptions(AdapterOptions):
    \"\"\"Half of the trunk's channels.\"\"\"


{source}

def build(options, tasks):
    return Halves()


@hookimpl
def register_adapters():
    yield Component("halves", "halves:HalvesOptions", "halves:build")
"""


class Halves(SideNetwork):
    """It reads every second layer, takes one of two channels of the trunk, and scales what it takes."""

    def layers(self, stack):
        return range(stack.layers % 2 == 0, stack.layers, 2)

    def width(self, stack):
        return stack.width // 2

    def parts(self, stack, layer):
        width = self.width(stack)
        if layer is not None:
            return [Part("scale", (width,), normal(0.1, mean=1.0))]
        return [
            Part("shift", (width,), zeros),
            *([Part("up", (stack.width, width), normal(0.2))] if stack.ends else []),
        ]

    def enter(self, embedded, parts):
        return embedded[..., ::2] + parts["shift"]

    def from_trunk(self, states, parts):
        return states[..., ::2] * parts["scale"]

    def join(self, state, taken, parts):
        return (state + taken) / 2

    def leave(self, state, parts):
        return linear(state, parts["up"])


class Wide(Halves):
    def leave(self, state, parts):
        return state


class Hasty(Halves):
    def layers(self, stack):
        return [stack.layers]


class Mixing(Halves):
    def enter(self, embedded, parts):
        return (embedded + embedded.mean(0))[..., ::2] + parts["shift"]


class Idle(Halves):
    def join(self, state, taken, parts):
        return state


def problems(network):
    return check_built("adapters", lambda options, tasks: network(), AdapterOptions(kind="any"))


def test_it_keeps_the_contract():
    assert problems(Halves) == []


@pytest.mark.parametrize(
    ("network", "line"),
    [
        (Wide, "beside the decoder: its `leave` gives (3, 4, 8), not (rows, tokens, 16)"),
        (Hasty, "beside the encoder: its layers [2] are none, or no rising numbers of the 2 layers"),
        (Mixing, "beside the encoder: in its `enter` the output of a row depends on the other rows"),
        (Idle, "beside the encoder: no gradient reaches its part beside a layer scale"),
    ],
)
def test_what_breaks_it_is_told(network, line):
    assert line in problems(network)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """What is installed, and a plugin of one file with the network above."""
    file = tmp_path_factory.mktemp("plugin") / "halves.py"
    file.write_text(PLUGIN.format(source=inspect.getsource(Halves)))
    return load_registry([file])


@pytest.mark.parametrize("backbone", ["T5", "BART", "DECODER"])
def test_it_stands_in_a_recipe_and_a_mixed_batch_gives_what_samples_give(backbone, others, tiny, samples, batch_of):
    encoder = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
    recipe = {
        "trunk": {"encoder": encoder, "backbone": getattr(tiny, backbone), "prompt": {"kind": "linear", "tokens": 4}},
        "tasks": tiny.TASKS,
        "graft": {"adapters": ["halves"], "sharing": "per-task"},
        "train": {"steps": 3},
    }
    recipe = Recipe.model_validate(recipe, context={"registry": others})
    model = build_model(recipe, others, build_trunk(recipe, others))
    allocate(model, torch.device("cpu"))
    assert {each.site.layer for each in model.graft.attachments()} == {None, 1}
    together = model.losses(batch_of(model, samples), training=False)
    for sample in samples:
        if sum(each.task == sample.task for each in samples) == 1:
            alone = model.losses(batch_of(model, [sample]), training=False)
            assert together[sample.task][0].sum.item() == pytest.approx(alone[sample.task][0].sum.item(), rel=1e-5)
    torch.stack([own.sum for (own,) in together.values()]).sum().backward()
    idle = [key.text for key, value in model.graft.bank.trained().items() if value.grad is None]
    assert idle == []
