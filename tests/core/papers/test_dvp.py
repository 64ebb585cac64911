"""Recipes of Dynamic Visual Prompting: numbers as the reference's modules have them, and two steps of each."""

import json
from collections import Counter
from pathlib import Path

import pytest

from multigraft.core.model.summary import summarize_model
from multigraft.core.recipe.loading import load_recipe

FOLDER = Path(__file__).parents[3] / "configs" / "papers" / "dvp"
ATTENTION, CODES = 2_362_368, 1_536
HEADS = {"vqa": 5_993_529, "gqa": 4_016_947, "snli_ve": 1_188_867}
"""A layer to twice the width, a norm, and a layer to 3,129, 1,843 and 3 answers."""
BERT = {"bottleneck": 24 * 148_320, "norms": 36_864, "prompt.attention": ATTENTION, "prompt.modality": CODES}
T5 = {"bottleneck": 60 * 148_320, "norms": 62 * 768, "prompt.attention": ATTENTION, "prompt.modality": CODES}
LLAMA = {"bottleneck": 64 * 528_448, "norms": 65 * 4096, "prompt.attention": 4_986_368, "head": 3_703_865}
PARTS = (
    {f"bert_{task}": {**BERT, "head": head} for task, head in HEADS.items()}
    | {f"t5_{task}": {**T5, "head": head} for task, head in HEADS.items()}
    | {"llama_vqa": LLAMA}
)
TINY = {
    "bert": "{vocab_size: 5000, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24}",
    "t5": "{vocab_size: 384, d_model: 16, d_kv: 8, d_ff: 24, num_layers: 2, num_heads: 2}",
    "llama": "{model_type: llama, vocab_size: 5000, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, "
    "intermediate_size: 24}",
}
TOWER = "{hidden_size: 8, intermediate_size: 12, num_hidden_layers: 1, num_attention_heads: 2, patch_size: 16}"
PICTURES = "{train: [pictures-train-*.tar], validation: [pictures-validation-*.tar]}"


def part_of(name):
    """`head-labels.inner.weight` of the head, `prompt.attention.key.bias` of the prompt's attention."""
    return ".".join(name.split(".")[: 2 if name.startswith("prompt") else 1]).removesuffix("-labels")


def test_every_recipe_has_its_row():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == PARTS.keys()


@pytest.mark.parametrize("name", PARTS)
def test_numbers_are_those_of_the_reference(name, registry, numbers):
    path = FOLDER / f"{name}.yaml"
    table = summarize_model(load_recipe(path, (), registry), registry).parameters
    found = Counter()
    for part, count in table.by_part.items():
        found[part_of(part)] += count
    assert found == PARTS[name]
    assert numbers(path)[0] == sum(PARTS[name].values())


def test_what_bert_trains_on_vqa_in_all():
    assert sum(PARTS["bert_vqa"].values()) == 11_953_977
    assert (BERT["bottleneck"], T5["bottleneck"], LLAMA["bottleneck"]) == (3_559_680, 8_899_200, 33_820_672)


@pytest.mark.parametrize("name", ["bert_vqa", "t5_vqa", "llama_vqa"])
def test_show_asks_no_hub(name, command):
    outcome = command("show", f"papers/dvp/{name}", "--json", env={"HF_HUB_OFFLINE": "1"})
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(outcome.stdout)["parameters"]["trainable"] == sum(PARTS[name].values())


def small(family, task, folder):
    """Overrides: tiny towers, the shards of a folder, four rows a step, two steps, and no scores."""
    yield f"trunk.backbone.architecture={TINY[family]}"
    yield from ("trunk.backbone.weights=random", "trunk.encoder.weights=random", "trunk.encoder.size=32")
    yield f"trunk.encoder.architecture={TOWER}"
    yield from ("trunk.prompt.layer=1", "trunk.prompt.heads=2", "graft.adapters.0.width=3")
    yield from ("train.epochs=null", "train.steps=2", "train.batch=4", "train.log_every=1", "eval={split: none}")
    yield from (f"data.root={folder}", f"tasks.{task}.data={PICTURES}")
    yield f"tasks.{task}.annotations={'statements' if task == 'snli_ve' else 'vqa'}"
    yield f"tasks.{task}.objective.labels={['true', 'false'] if task == 'snli_ve' else ['red', 'green', 'blue']}"


@pytest.mark.parametrize("name", PARTS)
def test_two_steps_of_a_tiny_trunk(name, trained_lines, shards):
    family, _, task = name.partition("_")
    lines = trained_lines(FOLDER / f"{name}.yaml", small(family, task, shards))
    assert lines[-1]["step"] == 2


def test_the_shipped_lists_are_placeholders_that_check_refuses(command, shards):
    """The data sets' own lists of answers go in their place."""
    own = [each for each in small("bert", "vqa", shards) if "labels" not in each]
    outcome = command("check", FOLDER / "bert_vqa.yaml", *(word for each in own for word in ("--set", each)))
    assert outcome.returncode == 2
    assert "none of the 3 targets looked at is one of the labels" in outcome.stdout + outcome.stderr
