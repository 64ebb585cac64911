"""Recipes of VL-Adapter on CLIP-ViL: one stream of text and picture, in numbers and in two steps of each."""

from collections import Counter
from pathlib import Path

import pytest

from multigraft.core.model.summary import summarize_model
from multigraft.core.recipe.loading import load_recipe

FOLDER = Path(__file__).parents[3] / "configs" / "papers" / "vl_adapter"
HEADS = {"clip_vil_vqa": 5_993_529, "clip_vil_gqa": 4_016_947, "clip_vil_snli_ve": 1_188_867}
D, B = 768, 192
ADAPTERS, NORMS = 24 * (2 * D * B + B + D), 25 * 2 * D
PROJECTION = (2560 + 1) * D + (5 + 1) * D + 2 * 2 * D + D
"""Features and boxes, a norm behind each, and the code of the only picture."""
TINY = "{vocab_size: 5000, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24}"
PICTURES = "{train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"


@pytest.mark.parametrize("name", HEADS)
def test_numbers(name, registry, numbers):
    path = FOLDER / f"{name}.yaml"
    found = Counter()
    for part, count in summarize_model(load_recipe(path, (), registry), registry).parameters.by_part.items():
        found[part.partition(".")[0]] += count
    assert found == {"bottleneck": ADAPTERS, "norms": NORMS, "prompt": PROJECTION, "head-labels": HEADS[name]}
    assert numbers(path)[0] == ADAPTERS + NORMS + PROJECTION + HEADS[name]


def test_all_tokens_of_the_grid_join_the_text(registry):
    recipe = load_recipe(FOLDER / "clip_vil_vqa.yaml", (), registry)
    assert summarize_model(recipe, registry).prompt_tokens == {"vqa": 9 * 9}


@pytest.mark.parametrize("name", HEADS)
def test_two_steps_of_a_tiny_trunk(name, trained_lines, shards):
    task = name.removeprefix("clip_vil_")
    statements = task == "snli_ve"
    overrides = (
        "trunk.encoder={kind: timm, model: test_efficientnet, weights: random, size: 64}",
        f"trunk.backbone.architecture={TINY}", "trunk.backbone.weights=random",
        "train.epochs=null", "train.steps=2", "train.batch=4", "train.log_every=1", "eval={split: none}",
        f"data={{root: {shards}}}", f"tasks.{task}.data={PICTURES}", "trunk.prompt.images=2",
        f"tasks.{task}.annotations={'statements' if statements else 'vqa'}",
        f"tasks.{task}.objective.labels={['true', 'false'] if statements else ['red', 'green', 'blue']}",
    )  # fmt: skip
    assert trained_lines(FOLDER / f"{name}.yaml", overrides)[-1]["step"] == 2
