"""The vision tower of a CLIP, SigLIP or DINOv2 of transformers as a frozen visual encoder."""

from typing import Any

from torch import Tensor, nn

from multigraft import OptionError
from multigraft.plugins.encoders.grid import FrozenEncoder, Grid, Trunk, grid_of_cells, grid_of_sequence
from multigraft.plugins.encoders.options import TransformersOptions
from multigraft.plugins.encoders.pre_norm_stack import PreNormStack
from multigraft.plugins.encoders.transformers_families import Family, tower_of
from multigraft.plugins.encoders.transformers_picture import transform_of
from multigraft.plugins.encoders.transformers_stack import blocks_of, transformers_stack
from multigraft.plugins.encoders.transformers_weights import Loaded, load


class TowerTrunk(Trunk):
    """A vision tower up to its last block, behind the final norm or before it.

    Args:
        norm: whether behind it; else it is taken out.
    """

    def __init__(self, model: nn.Module, family: Family, norm: bool) -> None:
        super().__init__(model)
        self.family, self._front = family, family.front(self.model.config)
        tower: Any = tower_of(model)
        if not norm:
            setattr(tower, family.norm, nn.Identity())
        if getattr(tower, "use_head", False):
            tower.head, tower.use_head = nn.Identity(), False

    def forward(self, x: Tensor) -> Grid:
        """Normalised pictures `(pictures, 3, size, size)` to their class and register tokens and their grid."""
        states = self.model(x, **self.family.embed).last_hidden_state
        return self.grid(states if self.family.normed else getattr(tower_of(self.model), self.family.norm)(states))

    def stack(self) -> PreNormStack:
        """The tower's blocks."""
        return transformers_stack(self.model, self.family)

    def grid(self, states: Tensor) -> Grid:
        """What stands in front, and a square."""
        return grid_of_sequence(states, self._front)


class VectorTrunk(Trunk):
    """A vision tower with its pooling and its projection."""

    def __init__(self, model: nn.Module, family: Family) -> None:
        super().__init__(model)
        self.family = family

    def forward(self, x: Tensor) -> Grid:
        """Normalised pictures `(pictures, 3, size, size)` to `(pictures, embedding width, 1, 1)`."""
        return _one_cell(getattr(self.model(x, **self.family.embed), self.family.vector))

    def stack(self) -> PreNormStack:
        """The tower's blocks."""
        return transformers_stack(self.model, self.family)

    def grid(self, states: Tensor) -> Grid:
        """CLIP projects the class token; SigLIP pools by attention."""
        if hasattr(self.model, "visual_projection"):
            return _one_cell(self.model.visual_projection(states[:, 0]))
        tower: Any = tower_of(self.model)
        return _one_cell(tower.head(states))


def _one_cell(vectors: Tensor) -> Grid:
    return grid_of_cells(vectors[:, :, None, None])


def build(options: TransformersOptions) -> FrozenEncoder:
    """The encoder of `{kind: transformers, weights: ...}`.

    Raises:
        MultigraftError: unknown weights, weights of something else, or a size that the tower cannot read.
    """
    loaded = load(options)
    config = loaded.model.config
    _check_size(options, config)
    blocks = _keep_blocks(tower_of(loaded.model), options.layer)
    name = f"transformers:{config.model_type},{config.hidden_act},{blocks} blocks of {config.num_attention_heads} heads"
    output = "projected" if options.output == "projected" else f"norm={options.norm}"
    name = f"{name},eps={config.layer_norm_eps:g},{output}"
    transform = transform_of(loaded.picture, options, config.image_size)
    encoder = FrozenEncoder(name, _trunk(loaded, options), transform, options.pool, options.class_token)
    encoder.origin = loaded.origin
    return encoder


def _trunk(loaded: Loaded, options: TransformersOptions) -> Trunk:
    if options.output == "projected":
        return VectorTrunk(loaded.model, loaded.family)
    return TowerTrunk(loaded.model, loaded.family, options.norm == "after")


def _check_size(options: TransformersOptions, config: Any) -> None:
    """Patches would leave an edge of the pictures out; that is for the model's own size alone."""
    size, patch = options.size, config.patch_size
    if size and size != config.image_size and size % patch:
        raise OptionError(("size",), f"`size: {size}` is no multiple of the patches' {patch} pixels")


def _keep_blocks(tower: Any, layer: int | None) -> int:
    """Leave out the blocks behind a layer; how many there are then.

    Raises:
        OptionError: there is no such layer.
    """
    blocks = blocks_of(tower)
    if layer is not None:
        if not -len(blocks) <= layer < len(blocks):
            raise OptionError(("layer",), f"there is no layer {layer}", f"they are 0 to {len(blocks) - 1}")
        del blocks[layer % len(blocks) + 1 :]
    return len(blocks)
