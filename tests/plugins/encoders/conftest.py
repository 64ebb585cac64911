"""Encoders by their options."""

import pytest
import torch
from torch import Tensor
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

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.plugins.encoders import open_clip_encoder, timm_encoder, transformers_encoder
from multigraft.plugins.encoders.grid import FrozenEncoder
from multigraft.plugins.encoders.options import OpenClipOptions, TimmOptions, TransformersOptions

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


@pytest.fixture(scope="session")
def build_timm():
    def build(model: str, weights: str = "random", **options: object) -> FrozenEncoder:
        return timm_encoder.build(TimmOptions(kind="timm", model=model, weights=weights, **options))

    return build


@pytest.fixture(scope="session")
def build_open_clip():
    def build(model: str, weights: str = "random", **options: object) -> FrozenEncoder:
        return open_clip_encoder.build(OpenClipOptions(kind="open-clip", model=model, weights=weights, **options))

    return build


@pytest.fixture(scope="session")
def encode():
    """Tokens of random pictures of the encoder's size."""

    def run(encoder: FrozenEncoder, pictures: int = 2) -> Tensor:
        size = encoder.transform.size
        pixels = torch.randint(0, 256, (pictures, 3, size, size), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            return encoder(pixels.to(torch.uint8), NoGraft())

    return run


@pytest.fixture(scope="session")
def build_transformers():
    def build(weights: str = "random", **options: object) -> FrozenEncoder:
        return transformers_encoder.build(TransformersOptions(kind="transformers", weights=weights, **options))

    return build


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def normalised():
    """What an encoder's trunk reads for pixels, in its own order of memory, so that sums are rounded alike."""

    def of(encoder: FrozenEncoder, pixels: Tensor) -> Tensor:
        return pixels.float().contiguous(memory_format=torch.channels_last) * encoder.scale + encoder.shift

    return of
