"""The families of vision towers that transformers has and we read tokens off."""

from dataclasses import dataclass, field
from typing import Any

from torch import nn

from multigraft.plugins.backbones.loading import Spare
from multigraft.plugins.encoders.transformers_picture import CLIP_PICTURE, IMAGENET_PICTURE, SIGLIP_PICTURE, Picture

_TEXT_SIDE = ("text_model.", "text_projection.", "logit_scale", "logit_bias")
_POOLING = ("head.", "vision_model.head.")
_POSITIONS = ("vision_model.embeddings.position_ids", "embeddings.position_ids")


@dataclass(frozen=True)
class Family:
    """Names of transformers' classes and modules, and what its models have."""

    types: tuple[str, ...]
    """Of `config.json`: the whole model and the tower alone."""
    config: str
    model: str
    picture: Picture
    norm: str
    """Path of the final norm in the tower."""
    spare: Spare
    embed: dict[str, Any] = field(default_factory=dict)
    """What its embedding must be told to take pictures of every size."""
    class_token: bool = True
    projected: str | None = None
    """The model with pooling and projection, whose output `vector` is what is compared with texts."""
    vector: str = "pooler_output"
    normed: bool = True
    """Whether `last_hidden_state` lies behind the final norm."""

    def front(self, config: Any) -> int:
        """Class and register tokens of a model."""
        return int(self.class_token) + getattr(config, "num_register_tokens", 0)


FAMILIES = {
    "clip": Family(
        ("clip", "clip_vision_model"),
        "CLIPVisionConfig",
        "CLIPVisionModel",
        CLIP_PICTURE,
        "post_layernorm",
        Spare(unneeded=(*_TEXT_SIDE, *_POSITIONS, "visual_projection.", "classifier.")),
        embed={"interpolate_pos_encoding": True},
        projected="CLIPVisionModelWithProjection",
        vector="image_embeds",
        normed=False,
    ),
    "siglip": Family(
        ("siglip", "siglip_vision_model"),
        "SiglipVisionConfig",
        "SiglipVisionModel",
        SIGLIP_PICTURE,
        "post_layernorm",
        Spare(lacking=_POOLING, unneeded=(*_TEXT_SIDE, *_POSITIONS, "classifier.")),
        embed={"interpolate_pos_encoding": True},
        class_token=False,
        projected="SiglipVisionModel",
    ),
    "dinov2": Family(
        ("dinov2",),
        "Dinov2Config",
        "Dinov2Model",
        IMAGENET_PICTURE,
        "layernorm",
        Spare(unneeded=("classifier.",)),
    ),
    "dinov2_with_registers": Family(
        ("dinov2_with_registers",),
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        IMAGENET_PICTURE,
        "layernorm",
        Spare(unneeded=("classifier.",)),
    ),
}


def tower_of(model: Any) -> nn.Module:
    """The module with `embeddings` and `encoder`, which some models have inside."""
    return getattr(model, "vision_model", model)  # type: ignore[no-any-return]
