"""Trainings over stored features of other forms: the losses of the same tokens made by hand."""

import json
import shutil

import pytest

from multigraft.core.errors import OptionError
from multigraft.core.model.build import build_model
from multigraft.core.model.summary import summarize_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.training.session import rehearse
from multigraft.core.types.token_layout import TokenLayout

PLAIN = ("eval.split=none", "trunk.backbone.architecture.dropout_rate=0.0", "trunk.encoder.size=128", "train.steps=2")
POOLED = "data.features={pool: grid-2x2}"


@pytest.fixture(scope="module")
def losses(train, shards, tmp_path_factory):
    """The losses of two steps of a training over shards of its own."""
    data = tmp_path_factory.mktemp("data") / "shards"
    shutil.copytree(shards, data, ignore=shutil.ignore_patterns("features", "*.index"))

    def of(*overrides):
        folder = tmp_path_factory.mktemp("runs") / "run"
        train(folder, *PLAIN, f"data.root={data}", *overrides)
        lines = (folder / "metrics.jsonl").read_text()
        rows = [json.loads(line) for line in lines.splitlines()]
        return [{name: x for name, x in row.items() if name.endswith("/loss")} for row in rows if "train/rate" in row]

    return of


@pytest.fixture(scope="module")
def by_hand(losses):
    """The encoder's own option averages the same 4 x 4 grid down to 2 x 2."""
    return losses("data.features=true", "trunk.encoder.pool=2")


def test_a_pooled_training_is_that_of_tokens_pooled_by_hand(losses, by_hand):
    assert losses(POOLED) == by_hand


def test_a_training_on_8_bits_is_near_that_on_16(losses, by_hand):
    narrow = losses("data.features={pool: grid-2x2, store: int8}")
    assert narrow != by_hand
    for ours, theirs in zip(narrow, by_hand, strict=True):
        assert ours == pytest.approx(theirs, rel=5e-3)


def test_a_dry_run_pools_as_the_run_does(recipe_file, registry, by_hand):
    made = rehearse(load_recipe(recipe_file, (*PLAIN, POOLED), registry), registry)
    assert made == pytest.approx({task: by_hand[1][f"train/{task}/loss"] for task in made}, rel=5e-3)


@pytest.mark.parametrize(
    ("form", "layout"),
    [
        ("true", TokenLayout(16, 0, (4, 4))),
        ("{pool: grid-2x3}", TokenLayout(6, 0, (2, 3))),
        ("{pool: mean, store: int8}", TokenLayout(1, 0, (1, 1))),
        ("{pool: {visual: grid-1x2}}", TokenLayout(2, 0, (1, 2))),
    ],
)
def test_prompts_see_the_layout_after_pooling(recipe_file, registry, form, layout):
    recipe = load_recipe(recipe_file, (*PLAIN, f"data.features={form}"), registry)
    trunk = build_trunk(recipe, registry, on_meta_device=True)
    (prompt,) = build_model(recipe, registry, trunk).prompts
    assert prompt.generator.layout == trunk.encoders["visual"].layout() == layout
    assert trunk.encoders["visual"].tokens == layout.tokens


def test_pooled_features_are_those_of_other_tokens_to_a_graft(recipe_file, registry):
    prints = [
        build_trunk(load_recipe(recipe_file, (*PLAIN, form), registry), registry).fingerprints["encoder"]
        for form in ("data.features=true", "data.features={store: int8}", POOLED)
    ]
    assert prints[0] == prints[1] == prints[2].removesuffix("|pooled=grid-2x2")


@pytest.mark.parametrize("other", ["graft.train.encoder=true", "graft.adapters.0.sites={stack: [vision]}"])
def test_where_the_encoder_is_no_frozen_one_they_are_refused(recipe_file, registry, other):
    vit = "trunk.encoder={kind: timm, model: test_vit, weights: random, size: 160}"
    recipe = load_recipe(recipe_file, (*PLAIN[:2], vit, "data.features={pool: class-token}", other), registry)
    with pytest.raises(OptionError, match="stored features are those of an encoder") as refused:
        summarize_model(recipe, registry)
    assert refused.value.location == ("data", "features")


@pytest.mark.parametrize(
    ("pool", "location"),
    [("class-token", ("data", "features", "pool")), ("{visual: grid-9x9}", ("data", "features", "pool", "visual"))],
)
def test_a_step_that_does_not_fit_the_encoder_has_its_place(recipe_file, registry, pool, location):
    recipe = load_recipe(recipe_file, (*PLAIN, f"data.features={{pool: {pool}}}"), registry)
    with pytest.raises(OptionError, match="this encoder") as refused:
        build_trunk(recipe, registry, on_meta_device=True)
    assert refused.value.location == location
