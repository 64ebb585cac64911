"""Encoders by their options."""

import pytest
import torch
from torch import Tensor

from multigraft.core.interfaces.no_graft import NoGraft
from multigraft.plugins.encoders import open_clip_encoder, timm_encoder, transformers_encoder
from multigraft.plugins.encoders.grid import FrozenEncoder
from multigraft.plugins.encoders.options import OpenClipOptions, TimmOptions, TransformersOptions


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
