"""Beside a side network the trunk runs without gradient: what would learn nothing there is refused, at its place."""

import pytest

from multigraft.core.errors import OptionError
from multigraft.core.model.build import build_model
from multigraft.core.model.methods import build_method
from multigraft.core.model.refused_beside import refuse_states_beside
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.types.need import Need

LADDER = {"kind": "ladder", "reduction": 2}


@pytest.mark.parametrize(
    ("sections", "place", "words"),
    [
        ({"graft": {"adapters": [LADDER, {"kind": "lora"}]}}, "graft.adapters.1", "learns nothing"),
        ({"graft": {"adapters": [{"kind": "prefix"}, LADDER]}}, "graft.adapters.0", "learns nothing"),
        ({"graft": {"adapters": [LADDER, {**LADDER, "name": "other"}]}}, "graft.adapters.1", "'ladder' already"),
        ({"graft": {"adapters": [LADDER], "train": {"norms": True}}}, "graft.train.norms", "learns nothing"),
        ({"graft": {"adapters": [LADDER], "train": {"backbone": True}}}, "graft.train.backbone", "learns nothing"),
        (
            {"graft": {"adapters": [{**LADDER, "sites": {"stack": ["decoder"]}}]}},
            "graft.adapters.0.sites.stack", "beside all",
        ),
        ({"graft": {"adapters": [{**LADDER, "reduction": 3}]}}, "graft.adapters.0.reduction", "does not divide"),
        (
            {"graft": {"adapters": [{**LADDER, "layers": {"encoder": [2]}}]}},
            "graft.adapters.0.layers.encoder.0", "0 to 1",
        ),
        (
            {"graft": {"adapters": [{**LADDER, "scope": {"lower": "stack"}}]}},
            "graft.adapters.0.scope.lower", "fits no part",
        ),
        ({"graft": {"adapters": [LADDER], "sharing": "hypernetwork"}}, "graft.adapters.0", "for adapters alone"),
        ({"graft": {"adapters": [LADDER]}, "train": {"shard": True}}, "train.shard", "cannot be shared out"),
        ({"graft": {"adapters": [LADDER]}, "prompt": {"layer": 1}}, "trunk.prompt.0.layer", "joins behind it"),
    ],
)  # fmt: skip
def test_it_is_refused_at_its_place(sections, place, words, registry, recipe_of):
    recipe = recipe_of(sections)
    with pytest.raises(OptionError, match=words) as refused:
        build_model(recipe, registry, build_trunk(recipe, registry, on_meta_device=True))
    assert ".".join(map(str, refused.value.location)) == place


def test_adapters_in_a_visual_encoder_are_well(registry, recipe_of):
    vision = {"kind": "timm", "model": "test_vit", "weights": "random", "size": 160}
    adapters = [LADDER, {"kind": "lora", "sites": {"stack": ["vision"], "inner": ["query"]}}]
    recipe = recipe_of({"graft": {"adapters": adapters}, "encoder": vision})
    model = build_model(recipe, registry, build_trunk(recipe, registry, on_meta_device=True))
    assert {each.site.stack for each in model.graft.attachments()} == {"encoder", "decoder", "vision"}


def test_a_task_that_reads_an_encoders_states_is_refused(registry, recipe_of):
    recipe = recipe_of({"graft": {"adapters": [LADDER]}})
    trunk = build_trunk(recipe, registry, on_meta_device=True)
    method = build_method(recipe, registry, trunk, 0)
    refuse_states_beside([method], {"captions": [Need("targets"), Need("summary")]}, trunk.backbone)
    with pytest.raises(OptionError, match="all stacks' states") as refused:
        refuse_states_beside([method], {"captions": [Need("states")]}, trunk.backbone)
    assert refused.value.location == ("tasks", "captions")


@pytest.fixture
def recipe_of(tiny, registry):
    """A recipe of one task over a tiny T5, with some sections in place of its own."""

    def make(sections):
        encoder = {"kind": "timm", "model": "test_efficientnet", "weights": "random", "size": 64}
        recipe = {
            "trunk": {
                "encoder": sections.get("encoder", encoder),
                "backbone": tiny.T5,
                "prompt": {"kind": "linear", "tokens": 4, **sections.get("prompt", {})},
            },
            "tasks": {"captions": tiny.TASKS["captions"]},
            "graft": sections["graft"],
            "train": {"steps": 3, **sections.get("train", {})},
        }
        return Recipe.model_validate(recipe, context={"registry": registry})

    return make
