"""The blocks of a timm vision transformer, for adapters."""

from typing import Any

from timm.layers import Mlp
from timm.models.vision_transformer import Attention, Block, VisionTransformer
from torch import Tensor, nn

from multigraft.plugins.encoders.pre_norm_stack import BlockModules, PreNormStack
from multigraft.stacks import Projection


def timm_stack(model: Any) -> PreNormStack | None:
    """Its blocks, where it is a plain `VisionTransformer`: pre-norm, a fused `qkv`, two layers in the feed-forward.

    Layer scale, norms of query and key, class and register tokens are allowed. None for anything else.
    """
    if getattr(type(model), "forward_features", None) is not VisionTransformer.forward_features:
        return None
    if not len(model.blocks) or not all(map(_is_plain, model.blocks)):
        return None

    def embed(pictures: Tensor) -> Tensor:
        embedded: Tensor = model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(pictures))))
        return embedded

    return PreNormStack(model, embed, [_modules(block) for block in model.blocks], model.norm)


def _is_plain(block: Any) -> bool:
    return (
        type(block) is Block
        and type(block.attn) is Attention
        and getattr(block.attn, "gate", None) is None
        and type(block.mlp) is Mlp
        and isinstance(block.mlp.fc1, nn.Linear)
    )


def _modules(block: Any) -> BlockModules:
    attention, mlp = block.attn, block.mlp
    across = attention.qkv.weight.shape[0] // 3
    fused = {
        name: Projection(attention.qkv, slice(number * across, (number + 1) * across))
        for number, name in enumerate(("query", "key", "value"))
    }
    whole = {"output": attention.proj, "up": mlp.fc1, "down": mlp.fc2}
    return BlockModules(
        block,
        attention.num_heads,
        own={"self-attention": attention, "feed-forward": mlp},
        norms={"self-attention": block.norm1, "feed-forward": block.norm2},
        scales={"self-attention": block.ls1, "feed-forward": block.ls2},
        projections=fused | {name: Projection(module) for name, module in whole.items()},
        activation=mlp.act,
        query_norm=attention.q_norm,
        key_norm=attention.k_norm,
        mixed_norm=attention.norm,
        inner_norm=mlp.norm,
    )
