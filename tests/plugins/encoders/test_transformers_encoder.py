"""Vision towers of transformers as encoders, each from a folder that its own `save_pretrained` wrote."""

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    CLIPConfig,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    SiglipConfig,
    SiglipModel,
)

from multigraft import NoGraft, TokenLayout

SIZES = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}
TEXT = {
    "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 8,
    "max_position_embeddings": 4, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
SIDES = {"vision_config": {**SIZES, "intermediate_size": 48}, "text_config": TEXT}
MODELS = {
    "clip": lambda: CLIPModel(CLIPConfig(**SIDES, projection_dim=10)),
    "siglip": lambda: SiglipModel(SiglipConfig(**SIDES)),
    "dinov2": lambda: Dinov2Model(Dinov2Config(**SIZES, mlp_ratio=2)),
    "dinov2 giant": lambda: Dinov2Model(Dinov2Config(**SIZES, use_swiglu_ffn=True, layerscale_value=0.5)),
    "dinov2_with_registers": lambda: Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(**SIZES, mlp_ratio=2, num_register_tokens=4)
    ),
}
FRONT = {"clip": 1, "siglip": 0, "dinov2": 1, "dinov2 giant": 1, "dinov2_with_registers": 5}
pytestmark = pytest.mark.filterwarnings("ignore:.*preprocessor_config:UserWarning")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model and its folder by name; noise is added to its weights, so that biases, norms and scales matter."""
    made = {}

    def make(name):
        if name not in made:
            torch.manual_seed(0)
            model, folder = MODELS[name]().eval(), tmp_path_factory.mktemp("models") / name.replace(" ", "-")
            with torch.no_grad():
                for value in model.parameters():
                    value.add_(0.1 * torch.randn(value.shape))
            model.save_pretrained(folder)
            made[name] = model.to(memory_format=torch.channels_last), folder
        return made[name]

    return make


def theirs(model, pictures):
    """Outputs of transformers' own vision tower for normalised pictures."""
    tower = getattr(model, "vision_model", model)
    resized = {} if "dinov2" in model.config.model_type else {"interpolate_pos_encoding": True}
    with torch.no_grad():
        return tower(pictures, **resized)


def normalised(encoder, pixels):
    """In the encoder's own order of memory, so that sums are rounded alike."""
    return pixels.float().contiguous(memory_format=torch.channels_last) * encoder.scale + encoder.shift


def pixels_of(size, pictures=2):
    drawn = torch.randint(0, 256, (pictures, 3, size, size), generator=torch.Generator().manual_seed(1))
    return drawn.to(torch.uint8)


@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize("name", MODELS)
def test_tokens_are_transformers_last_hidden_state(build_transformers, saved, name, size):
    """CLIP's lies before the final norm. A larger picture has its positions interpolated."""
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}", norm="before" if name == "clip" else "after", size=size)
    pixels = pixels_of(size)
    side = size // 8
    assert encoder.layout() == TokenLayout(side * side + FRONT[name], FRONT[name], (side, side))
    expected = theirs(model, normalised(encoder, pixels)).last_hidden_state
    assert_close(encoder(pixels, NoGraft()), expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["clip", "dinov2", "dinov2_with_registers"])
def test_the_normed_class_token_is_what_transformers_pools(build_transformers, saved, name):
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}")
    pixels = pixels_of(32)
    pooled = theirs(model, normalised(encoder, pixels)).pooler_output
    assert_close(encoder(pixels, NoGraft())[:, 0], pooled, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("name", "width"), [("clip", 10), ("siglip", 24)])
def test_projected_is_what_is_compared_with_texts(build_transformers, saved, name, width):
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}", output="projected")
    assert (encoder.layout(), encoder.width) == (TokenLayout(1, 0, (1, 1)), width)
    pixels = pixels_of(32)
    with torch.no_grad():
        expected = model.get_image_features(normalised(encoder, pixels)).pooler_output
    assert_close(encoder(pixels, NoGraft())[:, 0], expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_earlier_layers_are_transformers_hidden_states(build_transformers, saved, name):
    """`layer: -2` is what LLaVA reads: the state in front of the last block."""
    model, folder = saved(name)
    encoder = build_transformers(f"path:{folder}", norm="before", layer=-2)
    pixels = pixels_of(32)
    tower = getattr(model, "vision_model", model)
    with torch.no_grad():
        states = tower(normalised(encoder, pixels), output_hidden_states=True).hidden_states
    assert_close(encoder(pixels, NoGraft()), states[-2], atol=1e-6, rtol=1e-6)
    assert {site.layer for site in encoder.sites()} == {0, 1}
    same = build_transformers(f"path:{folder}", norm="before", layer=1)
    assert encoder.fingerprint() == same.fingerprint()
