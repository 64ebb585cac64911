"""A recipe over a decoder-only trunk trains, goes on and scores; a prompt may enter at a layer."""

import json

import pytest

from multigraft.core.errors import OptionError

BACKBONE = (
    "trunk.backbone={kind: decoder, weights: random, architecture: {vocab_size: 5000, hidden_size: 16, "
    "num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 24, "
    "max_position_embeddings: 300, attention_dropout: 0.1}}"
)
FOUR = (
    BACKBONE, "train.optimizer={schedule: constant, warmup: 0}", "train.steps=4", "train.checkpoint_every=2",
    "train.batch=8", "eval.final_split=validation",
)  # fmt: skip


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    found = [{name: row[name] for name in row if name.startswith("train/") and name.endswith("/loss")} for row in rows]
    assert any(found)
    return [of_step for of_step in found if of_step]


def weights(folder, step):
    graft = folder / "checkpoints" / f"{step:08}" / "graft"
    return {path.name: path.read_bytes() for path in graft.glob("*.safetensors")}


def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(train, tmp_path):
    straight = train(tmp_path / "straight", *FOUR)
    train(tmp_path / "half", *FOUR, "train.steps=2")
    resumed = train(tmp_path / "half", *FOUR, resume=True)
    assert len(weights(tmp_path / "straight", 4)) > 1
    assert weights(tmp_path / "half", 4) == weights(tmp_path / "straight", 4)
    assert losses(tmp_path / "half") == losses(tmp_path / "straight")
    assert resumed["tasks"] == straight["tasks"]
    assert {name: task["n"] for name, task in straight["tasks"].items()} == dict.fromkeys(
        ("vqa", "statements", "captions", "videos"), 10
    )


@pytest.mark.parametrize("backbone", ["t5", "decoder"])
@pytest.mark.parametrize("place", ["front", "back"])
def test_a_prompt_that_enters_before_a_layer(backbone, place, train, tmp_path):
    own = FOUR if backbone == "decoder" else FOUR[1:]
    plain = train(tmp_path / "plain", *own, "train.steps=2")
    results = train(tmp_path / "deep", *own, "train.steps=2", "trunk.prompt.layer=1", f"trunk.prompt.place={place}")
    assert losses(tmp_path / "deep") != losses(tmp_path / "plain")
    assert set(results["tasks"]) == set(plain["tasks"])


@pytest.mark.parametrize(
    ("override", "location", "message"),
    [
        ("trunk.prompt.stack=encoder", ("trunk", "prompt", 0, "stack"), "this backbone has no stack 'encoder'"),
        ("trunk.prompt.layer=2", ("trunk", "prompt", 0, "layer"), "the decoder has the layers 0 to 1"),
    ],
)
def test_a_stack_or_a_layer_that_is_not_there_is_refused(override, location, message, train, tmp_path):
    with pytest.raises(OptionError, match=message) as caught:
        train(tmp_path / "run", *FOUR, override)
    assert caught.value.location == location
