"""The blocks of open_clip's vision transformer, for adapters."""

from typing import Any

from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import nn

from multigraft.plugins.encoders.pre_norm_stack import BlockModules, PreNormStack
from multigraft.stacks import Projection


def open_clip_stack(tower: VisionTransformer, norm: bool) -> PreNormStack | None:
    """Its blocks, with or without the final norm; None where they are not open_clip's usual ones."""
    blocks: Any = tower.transformer.resblocks
    if type(tower) is not VisionTransformer or any(type(block) is not ResidualAttentionBlock for block in blocks):
        return None
    final = tower.ln_post if norm else nn.Identity()
    return PreNormStack(tower, tower._embeds, [_modules(block) for block in blocks], final)


def _modules(block: Any) -> BlockModules:
    attention, mlp = block.attn, block.mlp
    width = attention.embed_dim
    fused = {
        name: Projection(
            attention, slice(number * width, (number + 1) * width), weight="in_proj_weight", bias="in_proj_bias"
        )
        for number, name in enumerate(("query", "key", "value"))
    }
    whole = {"output": attention.out_proj, "up": mlp.c_fc, "down": mlp.c_proj}
    return BlockModules(
        block,
        attention.num_heads,
        own={"self-attention": attention, "feed-forward": mlp},
        norms={"self-attention": block.ln_1, "feed-forward": block.ln_2},
        scales={"self-attention": block.ls_1, "feed-forward": block.ls_2},
        projections=fused | {name: Projection(module) for name, module in whole.items()},
        activation=mlp.gelu,
    )
