"""The blocks of a vision tower of transformers, for adapters."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from multigraft.plugins.encoders.pre_norm_stack import BlockModules, PreNormStack
from multigraft.plugins.encoders.transformers_families import Family, tower_of
from multigraft.stacks import Projection

_CLIP_NAMES = {"query": "q_proj", "key": "k_proj", "value": "v_proj", "output": "out_proj"}
_DINOV2_NAMES = {**_CLIP_NAMES, "output": "o_proj"}
_PLAIN = {"up": "fc1", "down": "fc2"}
_DINOV2_BEFORE_5 = {**{name: f"attention.{name}" for name in ("query", "key", "value")}, "output": "output.dense"}
"""Names in transformers 4."""
_GATED = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}


def transformers_stack(model: Any, family: Family) -> PreNormStack:
    """Its blocks, and the final norm, if the tower has kept it."""
    tower: Any = tower_of(model)

    def embed(pictures: Tensor) -> Tensor:
        embedded: Tensor = tower.embeddings(pictures, **family.embed)
        return tower.pre_layrnorm(embedded) if hasattr(tower, "pre_layrnorm") else embedded

    final, heads = getattr(tower, family.norm), model.config.num_attention_heads
    return PreNormStack(model, embed, [_modules(block, heads) for block in blocks_of(tower)], final)


def blocks_of(tower: Any) -> nn.ModuleList:
    """Its layers, which DINOv2 calls by another name."""
    encoder: Any = tower.encoder
    return encoder.layer if hasattr(encoder, "layer") else encoder.layers  # type: ignore[no-any-return]


def _modules(block: Any, heads: int) -> BlockModules:
    return _clip_modules(block, heads) if hasattr(block, "self_attn") else _dinov2_modules(block, heads)


def _clip_modules(block: Any, heads: int) -> BlockModules:
    """Of CLIP and SigLIP."""
    attention, mlp = block.self_attn, block.mlp
    return BlockModules(
        block,
        heads,
        own={"self-attention": attention, "feed-forward": mlp},
        norms={"self-attention": block.layer_norm1, "feed-forward": block.layer_norm2},
        scales={"self-attention": nn.Identity(), "feed-forward": nn.Identity()},
        projections=_projections(attention, _CLIP_NAMES) | _projections(mlp, _PLAIN),
        activation=mlp.activation_fn,
    )


def _dinov2_modules(block: Any, heads: int) -> BlockModules:
    """With layer scale, and a gated feed-forward in the giant."""
    attention, mlp = block.attention, block.mlp
    names = _DINOV2_NAMES if hasattr(attention, "q_proj") else _DINOV2_BEFORE_5
    gated = not hasattr(mlp, "fc1")
    return BlockModules(
        block,
        heads,
        own={"self-attention": attention, "feed-forward": mlp},
        norms={"self-attention": block.norm1, "feed-forward": block.norm2},
        scales={"self-attention": block.layer_scale1, "feed-forward": block.layer_scale2},
        projections=_projections(attention, names) | (_gated(mlp) if gated else _projections(mlp, _PLAIN)),
        activation=nn.SiLU() if gated else _activation(mlp),
    )


def _gated(mlp: Any) -> dict[str, Projection]:
    """Of SwiGLU, whose gate and inner projection are one weight in transformers 4."""
    if hasattr(mlp, "gate_proj"):
        return _projections(mlp, _GATED)
    inner = mlp.weights_out.in_features
    gate, up = (Projection(mlp.weights_in, slice(start, start + inner)) for start in (0, inner))
    return {"gate": gate, "up": up, "down": Projection(mlp.weights_out)}


def _activation(mlp: Any) -> nn.Module:
    return mlp.activation if hasattr(mlp, "activation") else mlp.activation_fn  # type: ignore[no-any-return]


def _projections(module: nn.Module, names: Mapping[str, str]) -> dict[str, Projection]:
    return {name: Projection(module.get_submodule(own)) for name, own in names.items()}
