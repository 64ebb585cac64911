"""A recipe over a vision tower of transformers: checked, counted, and trained with and without stored features."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import SiglipVisionConfig, SiglipVisionModel

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
INSIDE = "graft.adapters=[{kind: lora, rank: 2, sites: {stack: [vision, encoder, decoder], inner: [query, up]}}]"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The override that names a SigLIP in a folder, with its `preprocessor_config.json`."""
    folder = tmp_path_factory.mktemp("siglip")
    torch.manual_seed(0)
    SiglipVisionModel(SiglipVisionConfig(**SIZES, intermediate_size=24)).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}, "resample": 2}')
    return f"trunk.encoder={{kind: transformers, weights: 'path:{folder}'}}"


@pytest.fixture
def told(command, recipe_file):
    """What a verb in a process of its own says of the recipe as JSON."""

    def answer(verb, *overrides):
        words = [word for one in overrides for word in ("--set", one)]
        outcome = command(verb, recipe_file, *words, "--json")
        return json.loads(outcome.stdout), outcome

    return answer


def test_a_recipe_with_it_is_well_and_its_parameters_are_counted(told, encoder):
    answer, outcome = told("check", encoder)
    assert (answer["problems"], outcome.returncode) == ([], 0), outcome.stderr
    block = 4 * 16 * 17 + 16 * 25 + 24 * 17 + 2 * 2 * 16
    patches, places = 16 * (3 * 64 + 1), 16 * 16
    counted = told("show", encoder)[0]["parameters"]
    own = 2 * block + patches + places + 2 * 16
    assert counted["total_with_encoder"] - counted["total"] == own


def test_what_is_wrong_with_it_is_told_by_its_place(told, encoder):
    answer, outcome = told("check", encoder, "trunk.encoder.architecture={hiden_size: 8}")
    assert outcome.returncode != 0
    assert answer["problems"][0]["path"] == "trunk.encoder.architecture.hiden_size"
    answer, _ = told("check", encoder, "trunk.encoder.size=36")
    assert answer["problems"][0]["path"] == "trunk.encoder.size"


def test_stored_features_train_as_decoded_pictures_do(train, shards, encoder, tmp_path):
    """They are kept in half the bits."""
    shutil.copytree(shards, tmp_path / "data", ignore=shutil.ignore_patterns("features"))
    steady = (encoder, "trunk.backbone.architecture.dropout_rate=0.0", "eval.split=none")
    losses = []
    for name in ("false", "true"):
        train(tmp_path / name, *steady, f"data.root={tmp_path / 'data'}", f"data.features={name}")
        rows = map(json.loads, (tmp_path / name / "metrics.jsonl").read_text().splitlines())
        losses.append([row["train/vqa/loss"] for row in rows if "train/vqa/loss" in row])
    assert len(losses[0]) == 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert list((tmp_path / "data" / "features").rglob("*.tar"))


def test_adapters_inside_it_learn(train, encoder, tmp_path):
    train(tmp_path / "run", encoder, INSIDE, "eval.split=none")
    learnt = load_file(tmp_path / "run" / "checkpoints" / "00000002" / "graft" / "shared.safetensors")
    assert learnt["vision.1.self-attention.query/lora.up.weight"].any()
    assert learnt["vision.0.feed-forward.up/lora.up.weight"].any()
