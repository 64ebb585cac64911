"""A recipe over a trunk of 8 or 4 bits trains, goes on and scores; what cannot be done with it is refused."""

import json
from math import isfinite

import pytest
import torch

from multigraft.core.errors import MultigraftError, OptionError
from multigraft.core.graft.saving import GraftError, load_graft
from multigraft.core.model.build import allocate, build_model
from multigraft.core.model.merging import merge
from multigraft.core.model.summary import summarize_model
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe
from multigraft.core.training.evaluate_saved import evaluate_saved

pytest.importorskip("bitsandbytes", reason="weights in few bits need bitsandbytes")

TRUNKS = {
    "t5": "{kind: t5, weights: random, architecture: {vocab_size: 300, d_model: 64, d_kv: 32, d_ff: 128, "
    "num_layers: 2, num_heads: 2, dropout_rate: 0.0, decoder_start_token_id: 0}}",
    "bart": "{kind: bart, weights: random, architecture: {vocab_size: 5000, d_model: 64, encoder_layers: 2, "
    "decoder_layers: 2, encoder_attention_heads: 2, decoder_attention_heads: 2, encoder_ffn_dim: 128, "
    "decoder_ffn_dim: 128, dropout: 0.0}}",
}
ADAPTERS = {
    "t5": ("graft.adapters=[{kind: lora, rank: 4}]",),
    "bart": ("graft.adapters=[{kind: bottleneck, width: 4}]", "graft.train={norms: true, biases: true}"),
}
EIGHT_STEPS = (
    "train.optimizer={schedule: constant, warmup: 0, rate: 5.0e-3}", "train.steps=8", "train.checkpoint_every=4",
    "eval.final_split=validation",
)  # fmt: skip


def recipe_of(kind, bits=None):
    bits = "null" if bits is None else bits
    return (f"trunk.backbone={TRUNKS[kind]}", f"trunk.backbone.quantized={bits}", *ADAPTERS[kind], *EIGHT_STEPS)


def losses(folder):
    """Of each step, the sum over the tasks whose samples all weigh the same."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    names = [f"train/{task}/loss" for task in ("statements", "captions", "videos")]
    return [sum(row[name] for name in names) for row in rows if names[0] in row]


def weights(folder, step):
    graft = folder / "checkpoints" / f"{step:08}" / "graft"
    return {path.name: path.read_bytes() for path in graft.glob("*.safetensors")}


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("kind", TRUNKS)
def test_it_trains_and_a_run_that_goes_on_ends_as_one_that_was_not_stopped(kind, bits, train, registry, tmp_path):
    straight, half = tmp_path / "straight", tmp_path / "half"
    results = train(straight, *recipe_of(kind, bits))
    found = losses(straight)
    assert len(found) == 8
    assert all(map(isfinite, found))
    assert sum(found[-3:]) < sum(found[:3])
    train(half, *recipe_of(kind, bits), "train.steps=4")
    resumed = train(half, *recipe_of(kind, bits), resume=True)
    assert len(weights(straight, 8)) > 0
    assert weights(half, 8) == weights(straight, 8)
    assert losses(half) == found
    assert resumed["tasks"] == results["tasks"] == evaluate_saved(straight, registry, None, [])["tasks"]


@pytest.mark.parametrize(("first", "then"), [(8, None), (None, 8), (8, 4)])
def test_a_graft_is_refused_on_the_same_trunk_in_another_form(first, then, train, registry, recipe_file, tmp_path):
    train(tmp_path, *recipe_of("t5", first), "train.steps=1", "eval.split=none")
    recipe = load_recipe(recipe_file, recipe_of("t5", then), registry)
    trunk = build_trunk(recipe, registry)
    model = build_model(recipe, registry, trunk)
    allocate(model, torch.device("cpu"))
    told = {None: "", 8: r"\|int8", 4: r"\|nf4"}
    number = "t5:[0-9a-f]{16}"
    with pytest.raises(GraftError, match=f"was {number}{told[first]}; here it is {number}{told[then]}"):
        load_graft(tmp_path / "checkpoints" / "00000001" / "graft", model.graft.bank, trunk.fingerprints)


def test_show_counts_the_same_numbers_and_fewer_bytes(registry, recipe_file):
    shown = {
        bits: summarize_model(load_recipe(recipe_file, recipe_of("t5", bits), registry), registry)
        for bits in (None, 8, 4)
    }
    assert shown[8].parameters == shown[4].parameters == shown[None].parameters
    projections = 2 * (4 * 64 * 64 + 2 * 64 * 128) + 2 * (8 * 64 * 64 + 2 * 64 * 128)
    rows = 2 * (4 * 64 + 128 + 64) + 2 * (8 * 64 + 128 + 64)
    spared = {bits: shown[None].memory["trunk"] - shown[bits].memory["trunk"] for bits in (8, 4)}
    assert spared == {8: 3 * projections - 4 * rows, 4: projections * 7 // 2 - 4 * projections // 64}


def test_training_the_backbone_itself_is_refused(registry, recipe_file):
    overrides = (*recipe_of("t5", 8), "graft.adapters=[]", "graft.train={backbone: true}")
    with pytest.raises(OptionError, match=r"quantised \(int8\), and cannot be trained") as caught:
        summarize_model(load_recipe(recipe_file, overrides, registry), registry)
    assert caught.value.location == ("graft", "train", "backbone")


def test_merging_is_refused_and_changes_nothing(tiny_model, tiny):
    model = tiny_model(backbone={**tiny.T5, "quantized": 4}, graft={"adapters": [{"kind": "lora", "rank": 3}]})
    before = {name: value.clone() for name, value in model.backbone.model.state_dict().items()}
    with pytest.raises(MultigraftError, match=r"cannot be merged: its weight is quantised \(nf4\)"):
        merge(model.backbone, model.graft, "vqa")
    assert all(torch.equal(value, before[name]) for name, value in model.backbone.model.state_dict().items())
