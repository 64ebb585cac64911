"""The frozen parts of a model, as a recipe names them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from multigraft.core.errors import MultigraftError, below
from multigraft.core.options.options import encoder_kind
from multigraft.core.types.preparation import VISUAL, Preparation

if TYPE_CHECKING:
    from multigraft.core.interfaces.backbone import Backbone
    from multigraft.core.interfaces.encoder import Encoder
    from multigraft.core.recipe.recipe import Recipe
    from multigraft.core.registry.registry import Registry


@dataclass(frozen=True)
class Trunk:
    """The frozen parts."""

    backbone: "Backbone"
    encoders: Mapping[str, "Encoder"]
    """By modality."""
    fingerprints: Mapping[str, str]
    """What a graft belongs to: the parts as they were loaded, before one is trained in place."""

    @classmethod
    def of(cls, backbone: "Backbone", encoders: Mapping[str, "Encoder"]) -> "Trunk":
        """A trunk that was just loaded.

        Raises:
            MultigraftError: two of its parts have a stack of one name, so that a site would be two.
        """
        _refuse_equal_stacks(backbone, encoders)
        fingerprints = {_name(modality): each.fingerprint() for modality, each in encoders.items()}
        return cls(backbone, encoders, {"backbone": backbone.fingerprint(), **fingerprints})

    @property
    def preparations(self) -> dict[str, Preparation]:
        """What each encoder wants, by modality."""
        return {modality: each.preparation() for modality, each in self.encoders.items()}

    def origins(self) -> dict[str, str]:
        """Where the weights of its parts came from, as far as the parts say it."""
        parts: dict[str, Backbone | Encoder] = {"backbone": self.backbone}
        parts |= {_name(modality): each for modality, each in self.encoders.items()}
        return {name: part.origin for name, part in parts.items() if part.origin}


def _name(modality: str) -> str:
    """What an encoder is called in `graft.json`."""
    return "encoder" if modality == VISUAL else f"{modality} encoder"


def _refuse_equal_stacks(backbone: "Backbone", encoders: Mapping[str, "Encoder"]) -> None:
    owners = {site.stack: "the backbone" for site in backbone.sites()}
    for modality, encoder in encoders.items():
        for stack in dict.fromkeys(site.stack for site in encoder.sites()):
            if stack in owners:
                told = f"the {modality} encoder and {owners[stack]} both have a stack called {stack!r}"
                raise MultigraftError(f"{told}, and adapters are told apart by its name")
            owners[stack] = f"the {modality} encoder"


def build_trunk(recipe: "Recipe", registry: "Registry", on_meta_device: bool = False) -> Trunk:
    """Load the frozen parts; on the meta device nothing is read and nothing takes memory."""
    with below("trunk", "backbone"):
        backbone = build_backbone(recipe, registry, on_meta_device)
    return Trunk.of(backbone, build_encoders(recipe, registry, on_meta_device))


def build_backbone(recipe: "Recipe", registry: "Registry", on_meta_device: bool = False) -> "Backbone":
    """Load the language model."""
    with _device(on_meta_device):
        backbone: Backbone = registry.build("backbones", recipe.trunk.backbone)
    return backbone


def build_encoders(recipe: "Recipe", registry: "Registry", on_meta_device: bool = False) -> dict[str, "Encoder"]:
    """Load the encoders, by modality."""
    encoders = {}
    for modality in recipe.trunk.modalities:
        with below("trunk", *recipe.trunk.place(modality)):
            encoder = build_encoder(recipe, registry, modality, on_meta_device)
        encoders[modality] = pooled_as_stored(recipe, modality, encoder)
    return encoders


def pooled_as_stored(recipe: "Recipe", modality: str, encoder: "Encoder") -> "Encoder":
    """The encoder with the step of pooling that the recipe's stored features have; itself where they have none.

    Raises:
        OptionError: the encoder's tokens are not laid out for it.
    """
    form = recipe.data.feature_form
    if form is None or (step := form.pool_of(modality)) == "none":
        return encoder
    from multigraft.core.model.pooled_encoder import PooledEncoder

    with below("data", "features", "pool", *((modality,) if isinstance(form.pool, dict) else ())):
        return PooledEncoder(encoder, step)


def build_encoder(recipe: "Recipe", registry: "Registry", modality: str, on_meta_device: bool = False) -> "Encoder":
    """Load the encoder of a modality."""
    with _device(on_meta_device):
        encoder: Encoder = registry.build(encoder_kind(modality), recipe.trunk.modalities[modality])
    return encoder


def _device(meta: bool) -> AbstractContextManager[object]:
    return torch.device("meta") if meta else nullcontext()
