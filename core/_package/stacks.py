"""What a backbone is made of: `multigraft.stacks.Layer`, and masks that most stacks need."""

from multigraft.core.interfaces.backbone import Entrance, Longest
from multigraft.core.interfaces.projection import Projection, Quantized
from multigraft.core.interfaces.side_network import BesideStack
from multigraft.core.interfaces.stack import Layer, LayerCache, LayerInputs, NarrowStack, Seen, Stack, joined
from multigraft.core.trunk.masks import memory_mask, self_attention_mask
from multigraft.core.trunk.run_stack import run_stack
from multigraft.core.types.arranged import Arranged, StackInput
from multigraft.core.types.tokens import AttentionCall, KeyValues, Tokens

__all__ = [
    "Arranged",
    "AttentionCall",
    "BesideStack",
    "Entrance",
    "KeyValues",
    "Layer",
    "LayerCache",
    "LayerInputs",
    "Longest",
    "NarrowStack",
    "Projection",
    "Quantized",
    "Seen",
    "Stack",
    "StackInput",
    "Tokens",
    "joined",
    "memory_mask",
    "run_stack",
    "self_attention_mask",
]
