"""Recipes of VL-Adapter's table rows: numbers as counted with the reference's own classes, and two steps of each."""

import json
from pathlib import Path

import pytest
import torch

from multigraft.core.model.build import allocate, build_model, count
from multigraft.core.model.trunk import build_trunk
from multigraft.core.recipe.loading import load_recipe

FOLDER = Path(__file__).parents[3] / "configs" / "papers" / "vl_adapter"
REFERENCE = {
    "image_bart_full": (141_156_864, 141_156_864),
    "image_bart_single_adapter": (6_081_600, 145_606_464),
    "image_bart_half_shared": (12_725_760, 152_250_624),
    "image_bart_half_shared_down": (12_786_240, 152_311_104),
    "image_bart_multiple_adapters": (19_430_400, 158_955_264),
    "image_bart_hyperformer": (8_579_088, 148_103_952),
    "image_bart_hyperformer_plusplus": (4_708_592, 144_233_456),
    "image_bart_single_compacter": (3_870_240, 143_395_104),
    "image_bart_multiple_compacters": (10_584_960, 150_109_824),
    "image_bart_single_lora": (8_786_688, 148_234_752),
    "image_bart_multiple_lora": (30_020_352, 169_468_416),
    "image_bart_single_prompt": (2_843_936, 142_417_952),
    "image_bart_multiple_prompts": (6_627_200, 146_201_216),
    "video_bart_full": (139_977_216, 139_977_216),
    "video_bart_single_adapter": (4_901_952, 144_426_816),
    "video_bart_half_shared": (11_546_112, 151_070_976),
    "video_bart_multiple_adapters": (18_250_752, 157_775_616),
    "video_bart_hyperformer": (7_399_440, 146_924_304),
    "video_bart_single_compacter": (2_690_592, 142_215_456),
    "video_bart_multiple_compacters": (9_405_312, 148_930_176),
    "video_bart_single_lora": (7_607_040, 147_055_104),
    "video_bart_multiple_lora": (28_840_704, 168_288_768),
    "video_bart_single_prompt": (1_664_288, 141_238_304),
    "video_bart_multiple_prompts": (5_447_552, 145_021_568),
    "image_t5_full": (224_540_160, 224_540_160),
    "image_t5_single_adapter": (19_333_632, 242_292_480),
    "image_t5_half_shared": (23_768_832, 246_727_680),
    "image_t5_multiple_adapters": (37_178_112, 260_136_960),
    "image_t5_hyperformer": (8_534_544, 231_493_392),
    "image_t5_single_compacter": (6_057_792, 229_016_640),
    "image_t5_multiple_compacters": (19_487_232, 242_446_080),
    "image_t5_single_lora": (18_170_880, 241_128_960),
    "image_t5_single_prompt": (2_842_400, 225_801_248),
    "image_t5_multiple_prompts": (6_625_664, 229_584_512),
    "video_t5_single_adapter": (9_300_864, 232_259_712),
}
"""Trained and all numbers, without the visual encoder."""
PIECES = {
    "full": 223_360_512, "half_shared": 401_664 + 22_187_520, "multiple_adapters": 401_664 + 35_596_800,
    "hyperformer": 401_664 + 6_953_232, "single_compacter": 401_664 + 4_476_480,
    "multiple_compacters": 401_664 + 17_905_920, "single_lora": 401_664 + 768 + 16_588_800,
    "multiple_lora": 401_664 + 768 + 4 * 16_588_800, "single_prompt": 401_664 + 1_261_088,
    "multiple_prompts": 401_664 + 4 * 1_261_088,
}  # fmt: skip
"""Trained on the video suite's T5, that the reference was never counted for: its visual projection, and what the image
suite's T5 trains beside its own projection of 1,581,312."""
OURS = {
    "image_t5_multiple_lora": 1_581_312 + 768 + 4 * 16_588_800,
    "image_t5_single_adapter_norms": 19_333_632 + 62 * 768,
} | {f"video_t5_{method}": trained for method, trained in PIECES.items()}
NAMES = sorted(path.stem for suite in ("image", "video") for path in FOLDER.glob(f"{suite}_*.yaml"))


def test_every_recipe_has_its_row():
    assert len(NAMES) == 2 * 2 * 11 + 3
    assert set(NAMES) == REFERENCE.keys() | OURS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_those_of_the_reference(name, numbers):
    trained, total = numbers(FOLDER / f"{name}.yaml")
    assert (trained, total) == REFERENCE[name] if name in REFERENCE else trained == OURS[name]


def test_show_asks_no_hub(command):
    outcome = command("show", "papers/vl_adapter/image_bart_half_shared", "--json", env={"HF_HUB_OFFLINE": "1"})
    assert outcome.returncode == 0, outcome.stderr
    parameters = json.loads(outcome.stdout)["parameters"]
    assert (parameters["trainable"], parameters["total"]) == REFERENCE["image_bart_half_shared"]
    assert round(parameters["percent"], 4) == 8.3584


@pytest.fixture(scope="module")
def bart(registry):
    """BART-base with random weights, and CLIP's encoder, in memory."""
    overrides = ("trunk.backbone.weights=random", "trunk.encoder.weights=random")
    return build_trunk(load_recipe(FOLDER / "image_bart_full.yaml", overrides, registry), registry)


@pytest.mark.parametrize("name", sorted(name for name in REFERENCE if name.startswith("image_bart")))
def test_a_model_in_memory_has_as_many(name, bart, registry):
    model = build_model(load_recipe(FOLDER / f"{name}.yaml", (), registry), registry, bart)
    allocate(model, torch.device("cpu"))
    bank = model.graft.bank
    trained = bank.trained()
    added = sum(value.numel() for key, value in trained.items() if not bank.entries[key].overlay)
    frozen = sum(parameter.numel() for parameter in bart.backbone.parameters())
    assert (sum(value.numel() for value in trained.values()), frozen + added) == REFERENCE[name]
    assert (count(model).trainable, count(model).total) == REFERENCE[name]
    bart.backbone.requires_grad_(False)


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_of_a_tiny_trunk(name, two_steps):
    assert two_steps(FOLDER / f"{name}.yaml", *name.split("_")[:2])[-1]["step"] == 2
