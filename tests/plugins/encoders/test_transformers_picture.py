"""How vision towers of transformers want their pictures, held against transformers' own image processors."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BitImageProcessor, CLIPImageProcessor, SiglipImageProcessor

from multigraft import OptionError, Transform
from multigraft.plugins.inputs.resize import resize

pytestmark = pytest.mark.filterwarnings("ignore:.*preprocessor_config:UserWarning")
PROCESSORS = {
    "clip": CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
    "siglip": SiglipImageProcessor(size={"height": 32, "width": 32}, resample=2),
    "dinov2": BitImageProcessor(
        size={"shortest_edge": 40}, crop_size=32, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    ),
}


def waves(width, height):
    """A picture of slow waves, whose neighbouring pixels differ by about a hundredth of the range."""
    y, x = np.mgrid[:height, :width] / 32
    channels = np.sin(x), np.cos(y), np.sin(x + y)
    return Image.fromarray((127.5 + 127.5 * np.stack(channels, -1)).astype(np.uint8))


@pytest.mark.parametrize("shape", [(320, 320), (384, 256), (192, 576), (24, 36)])
@pytest.mark.parametrize("name", PROCESSORS)
def test_pictures_are_prepared_as_by_the_image_processor(build_transformers, saved, normalised, name, shape, tmp_path):
    """Up to the rounding of resized pixels: by at most two of 255 levels, and 0.1 on average."""
    folder = tmp_path / "model"
    shutil.copytree(saved(name)[1], folder)
    PROCESSORS[name].save_pretrained(folder)
    encoder = build_transformers(f"path:{folder}")
    expected = PROCESSORS[name](waves(*shape), return_tensors="pt")["pixel_values"][0]
    ours = normalised(encoder, torch.from_numpy(resize(waves(*shape), encoder.transform))[None])[0]
    levels = (ours - expected).abs() * torch.tensor(encoder.transform.std).view(3, 1, 1) * 255
    assert ours.shape == expected.shape == (3, 32, 32)
    assert levels.max() <= 2.01
    assert levels.mean() < 0.1


def test_a_longer_side_between_two_pixels_moves_the_middle_by_less_than_one(
    build_transformers, saved, normalised, tmp_path
):
    """640 x 480 becomes 42 x 32 in transformers, and 43 x 32 here."""
    shutil.copytree(saved("clip")[1], tmp_path, dirs_exist_ok=True)
    PROCESSORS["clip"].save_pretrained(tmp_path)
    encoder = build_transformers(f"path:{tmp_path}")
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 640), (480, 1)).astype(np.uint8)).convert("RGB")
    expected = PROCESSORS["clip"](ramp, return_tensors="pt")["pixel_values"][0]
    ours = normalised(encoder, torch.from_numpy(resize(ramp, encoder.transform))[None])[0]
    step = expected[0, 0, 17] - expected[0, 0, 16]
    assert 0.1 * step < (ours - expected)[0].abs().max() < step


CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGENET = (0.485, 0.456, 0.406)


@pytest.mark.parametrize(
    ("name", "said", "options", "wanted"),
    [
        ("clip", {"size": 36, "crop_size": 32, "do_center_crop": True}, {}, (32, CLIP_MEAN, "bicubic", "crop", 36)),
        ("clip", {"size": {"shortest_edge": 48}}, {}, (48, CLIP_MEAN, "bicubic", "crop", None)),
        ("siglip", {"size": 40, "resample": 2}, {}, (40, (0.5,) * 3, "bilinear", "stretch", None)),
        ("siglip", {"do_normalize": False}, {}, (32, (0.0,) * 3, "bicubic", "stretch", None)),
        ("siglip", {"image_mean": [0.1, 0.2, 0.3]}, {"fit": "pad"}, (32, (0.1, 0.2, 0.3), "bicubic", "pad", None)),
        ("dinov2", {"do_resize": False}, {}, (32, IMAGENET, "bicubic", "crop", 37)),
        ("dinov2", {}, {"size": 56}, (56, IMAGENET, "bicubic", "crop", 64)),
        ("dinov2", {}, {"size": 56, "fit": "crop"}, (56, IMAGENET, "bicubic", "crop", None)),
    ],
)
def test_what_a_preprocessor_config_says(build_transformers, saved, name, said, options, wanted, tmp_path):
    """A whole number is the shorter side where a middle is cut out, as in CLIP's old files, else a square's side."""
    shutil.copytree(saved(name)[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    transform = build_transformers(f"path:{tmp_path}", **options).transform
    size, mean, interpolation, fit, shorter = wanted
    assert transform == Transform(size, mean, transform.std, interpolation, fit, shorter)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("[", "cannot be read"),
        ('{"rescale_factor": 1.0}', "asks for `rescale_factor: 1.0`"),
        ('{"size": {"height": 32, "width": 64}}', "and not squares"),
        ('{"size": {"height": 32, "width": 32}, "crop_size": 24, "do_center_crop": true}', "the middle 24 are kept"),
        ('{"size": {"longest_edge": 32}}', "asks for `size: {'longest_edge': 32}`"),
        ('{"size": 32, "crop_size": 48, "do_center_crop": true}', "asks for the middle 48 pixels of 32"),
    ],
)
def test_what_cannot_be_done_of_a_preprocessor_config_is_refused(build_transformers, saved, said, message, tmp_path):
    shutil.copytree(saved("clip")[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "preprocessor_config.json").write_text(said)
    with pytest.raises(OptionError, match=message) as caught:
        build_transformers(f"path:{tmp_path}")
    assert caught.value.location == ("weights",)


def test_the_nested_file_of_a_whole_processor_is_read(build_transformers, saved, tmp_path):
    shutil.copytree(saved("clip")[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": {"size": {"shortest_edge": 40}}}))
    assert build_transformers(f"path:{tmp_path}").transform.size == 40


def test_a_missing_preprocessor_config_is_told(build_transformers, saved):
    with pytest.warns(UserWarning, match=r"no preprocessor_config.json: pictures are prepared as its family's are"):
        build_transformers(f"path:{saved('siglip')[1]}")


def test_other_filters_than_ours_are_told(build_transformers, saved, tmp_path):
    shutil.copytree(saved("siglip")[1], tmp_path, dirs_exist_ok=True)
    (tmp_path / "preprocessor_config.json").write_text('{"resample": 1}')
    with pytest.warns(UserWarning, match="resized by Pillow's filter 1: taken is bicubic"):
        assert build_transformers(f"path:{tmp_path}").transform.interpolation == "bicubic"
