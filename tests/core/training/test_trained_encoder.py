"""`graft.train.encoder`: the encoder learns in place, and is saved, resumed, exported and set back with the graft."""

import json

import pytest
import torch
from safetensors.torch import load_file

from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe

TUNED = ("graft.train.encoder=true",)
STEADY = "train.optimizer={schedule: constant, warmup: 0, rate: 5.0e-3}"
LAST = "checkpoints/00000004/graft/shared.safetensors"
OWN = "encoder/encoder."


@pytest.fixture(scope="module")
def straight(train, tmp_path_factory):
    """A run of four steps with two checkpoints and the control `untrained`."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    train(folder, *TUNED, STEADY, "train.steps=4", "train.checkpoint_every=2", "eval.controls=[untrained]")
    return folder


def of_encoder(path):
    return {name.removeprefix(OWN): value for name, value in load_file(path).items() if name.startswith(OWN)}


def test_every_tensor_of_the_encoder_moves_and_is_saved(straight, registry):
    recipe = load_recipe(straight / "recipe.yaml", (), registry)
    fresh = dict(build_trunk(recipe, registry).encoders["visual"].named_parameters())
    saved = of_encoder(straight / LAST)
    assert saved.keys() == fresh.keys()
    assert [name for name, value in saved.items() if torch.equal(value, fresh[name])] == []


def test_a_run_goes_on_bit_equal(straight, train, tmp_path):
    train(tmp_path / "half", *TUNED, STEADY, "train.steps=2", "eval.controls=[untrained]")
    results = train(
        tmp_path / "half", *TUNED, STEADY, "train.steps=4", "train.checkpoint_every=2", "eval.controls=[untrained]",
        resume=True,
    )  # fmt: skip
    assert (tmp_path / "half" / LAST).read_bytes() == (straight / LAST).read_bytes()
    assert results["tasks"] == json.loads((straight / "results.json").read_text())["tasks"]
