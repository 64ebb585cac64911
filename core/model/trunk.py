"""The frozen parts of a model, as a recipe names them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from multigraft.core.errors import below
from multigraft.core.interfaces.backbone import Backbone
from multigraft.core.interfaces.encoder import VisualEncoder
from multigraft.core.recipe.recipe import Recipe
from multigraft.core.registry.registry import Registry


@dataclass(frozen=True)
class Trunk:
    """The frozen parts."""

    backbone: Backbone
    encoder: VisualEncoder | None
    fingerprints: Mapping[str, str]
    """What a graft belongs to: the parts as they were loaded, before one is trained in place."""

    @classmethod
    def of(cls, backbone: Backbone, encoder: VisualEncoder | None) -> "Trunk":
        """A trunk that was just loaded."""
        encoders = {"encoder": encoder.fingerprint()} if encoder else {}
        return cls(backbone, encoder, {"backbone": backbone.fingerprint(), **encoders})

    def origins(self) -> dict[str, str]:
        """Where the weights of its parts came from, as far as the parts say it."""
        parts = {"backbone": self.backbone, "encoder": self.encoder}
        return {name: part.origin for name, part in parts.items() if part is not None and part.origin}


def build_trunk(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> Trunk:
    """Load the frozen parts; on the meta device nothing is read and nothing takes memory."""
    with below("trunk", "backbone"):
        backbone = build_backbone(recipe, registry, on_meta_device)
    with below("trunk", "encoder"):
        encoder = build_encoder(recipe, registry, on_meta_device)
    return Trunk.of(backbone, encoder)


def build_backbone(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> Backbone:
    """Load the language model."""
    with _device(on_meta_device):
        backbone: Backbone = registry.build("backbones", recipe.trunk.backbone)
    return backbone


def build_encoder(recipe: Recipe, registry: Registry, on_meta_device: bool = False) -> VisualEncoder | None:
    """Load the visual encoder, if there is one."""
    if recipe.trunk.encoder is None:
        return None
    with _device(on_meta_device):
        encoder: VisualEncoder = registry.build("visual_encoders", recipe.trunk.encoder)
    return encoder


def _device(meta: bool) -> AbstractContextManager[object]:
    return torch.device("meta") if meta else nullcontext()
