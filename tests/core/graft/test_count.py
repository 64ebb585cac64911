"""Parameters of CLIP-BART on the image suite, as the code of VL-Adapter counts them (ylsung/VL_adapter 545fcbb)."""

import pytest

from multigraft.core.model.summary import summarize_model
from multigraft.core.recipe.recipe import Recipe

BART_BASE = {
    "vocab_size": 50465, "d_model": 768, "encoder_layers": 6, "decoder_layers": 6, "encoder_ffn_dim": 3072,
    "decoder_ffn_dim": 3072, "encoder_attention_heads": 12, "decoder_attention_heads": 12,
}  # fmt: skip
TASKS = ("vqa", "gqa", "nlvr", "caption")
EXPECTED = {
    "single": ("single", 145_606_464, 6_081_600),
    "half-shared up": ({"kind": "half-shared", "shared": ["up.*"]}, 152_250_624, 12_725_760),
    "half-shared down": ({"kind": "half-shared", "shared": ["down.*"]}, 152_311_104, 12_786_240),
    "per-task": ("per-task", 158_955_264, 19_430_400),
}


@pytest.fixture
def clip_bart(registry):
    def make(graft):
        recipe = {
            "trunk": {
                "encoder": {"kind": "open-clip", "model": "RN101", "weights": "random", "size": 224},
                "backbone": {"kind": "bart", "weights": "random", "architecture": BART_BASE},
                "prompt": {"kind": "linear", "tokens": 36, "boxes": "zero", "position": "words"},
            },
            "tasks": {name: {"kind": "visual-question-answering", "data": ["none.tar"]} for name in TASKS},
            "graft": graft,
        }
        return Recipe.model_validate(recipe, context={"registry": registry})

    return make


@pytest.mark.parametrize("row", EXPECTED)
def test_adapters_under_each_sharing_rule(row, clip_bart, registry):
    sharing, total, trainable = EXPECTED[row]
    recipe = clip_bart({"adapters": [{"kind": "bottleneck"}], "sharing": sharing, "train": {"norms": True}})
    counted = summarize_model(recipe, registry).parameters
    assert (counted.total, counted.trainable) == (total, trainable)
    assert counted.percent == pytest.approx(100 * trainable / total)
    assert sum(counted.by_owner.values()) == sum(counted.by_part.values()) == trainable


def test_hypernetworks_have_one_task_embedding_for_both_stacks(clip_bart, registry):
    sharing = {"kind": "hypernetwork", "embedding": 512, "hidden": 128, "projected": 8}
    recipe = clip_bart({"adapters": [{"kind": "bottleneck"}], "sharing": sharing, "train": {"norms": True}})
    counted = summarize_model(recipe, registry).parameters
    assert (counted.total, counted.trainable) == (148_103_952, 8_579_088)
    assert {task: counted.by_owner[f"task:{task}"] for task in TASKS} == dict.fromkeys(TASKS, 512)


@pytest.mark.parametrize(("norms", "trainable"), [(False, 1_582_848), (True, 1_632_000)])
def test_visual_projection_with_and_without_norms(norms, trainable, clip_bart, registry):
    counted = summarize_model(clip_bart({"train": {"norms": norms}}), registry).parameters
    assert (counted.total, counted.trainable) == (141_156_864, trainable)


def test_a_trunk_tensor_trained_in_place_counts_once(clip_bart, registry):
    counted = summarize_model(clip_bart({"train": {"backbone": True}}), registry).parameters
    assert counted.total == counted.trainable == 141_156_864
