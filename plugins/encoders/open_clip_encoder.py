"""The picture side of any open_clip model as a frozen visual encoder."""

from typing import Any, Literal

from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from multigraft import MultigraftError, OptionError, Transform
from multigraft.plugins.encoders.grid import FrozenEncoder, Grid, Trunk, grid_of_cells, grid_of_sequence
from multigraft.plugins.encoders.open_clip_stack import open_clip_stack
from multigraft.plugins.encoders.open_clip_weights import load_tower
from multigraft.plugins.encoders.options import OpenClipOptions
from multigraft.plugins.encoders.pre_norm_stack import PreNormStack
from multigraft.plugins.encoders.timm_encoder import TimmTrunk

_FITS: dict[str, Literal["stretch", "crop", "pad"]] = {"shortest": "crop", "squash": "stretch", "longest": "pad"}


class ResNetTrunk(Trunk):
    """CLIP's ResNet up to its last stage, before attention pooling."""

    def __init__(self, tower: nn.Module) -> None:
        tower.attnpool = nn.Identity()
        super().__init__(tower)

    def forward(self, x: Tensor) -> Grid:
        """Normalised pictures `(pictures, 3, size, size)` to `(pictures, width, size / 32, size / 32)`."""
        return grid_of_cells(self.model(x))


class TransformerTrunk(Trunk):
    """CLIP's vision transformer up to its last block, with or without the final norm."""

    def __init__(self, tower: VisionTransformer, norm: bool) -> None:
        tower.proj = None
        super().__init__(tower)
        self.norm = norm

    def forward(self, x: Tensor) -> Grid:
        """Normalised pictures `(pictures, 3, size, size)` to their class token and grid."""
        states = self.model.forward_intermediates(
            x, indices=1, normalize_intermediates=self.norm, intermediates_only=True, output_extra_tokens=True
        )
        return Grid(states["image_intermediates_prefix"][0], states["image_intermediates"][0])

    def stack(self) -> PreNormStack | None:
        """The tower's blocks."""
        return open_clip_stack(self.model, self.norm)

    def grid(self, states: Tensor) -> Grid:
        """A class token and a grid."""
        return grid_of_sequence(states, 1, self.model.grid_size)


class ProjectedTrunk(Trunk):
    """CLIP's picture tower with its pooling and its projection."""

    def forward(self, x: Tensor) -> Grid:
        """Normalised pictures `(pictures, 3, size, size)` to `(pictures, embedding width, 1, 1)`."""
        return _one_cell(self.model(x))

    def stack(self) -> PreNormStack | None:
        """The tower's blocks, where it has any."""
        return open_clip_stack(self.model, norm=False) if isinstance(self.model, VisionTransformer) else None

    def grid(self, states: Tensor) -> Grid:
        """Pooled and projected as the tower does it."""
        pooled, _ = self.model._pool(states)
        return _one_cell(pooled if self.model.proj is None else pooled @ self.model.proj)


def _one_cell(vectors: Tensor) -> Grid:
    return grid_of_cells(vectors[:, :, None, None])


def build(options: OpenClipOptions) -> FrozenEncoder:
    """The encoder of `{kind: open-clip, model: NAME, weights: ...}`.

    Raises:
        MultigraftError: unknown model or weights, weights that do not fit, or a trunk without a grid.
    """
    tower = load_tower(options)
    picture = tower.picture
    transform = Transform(
        size=options.size or tower.size,
        mean=tuple(picture["mean"]),
        std=tuple(picture["std"]),
        interpolation="bilinear" if picture["interpolation"] == "bilinear" else "bicubic",
        fit=options.fit or _FITS.get(picture["resize_mode"], "crop"),
    )
    output = "projected" if options.output == "projected" else f"norm={options.norm}"
    name = f"open-clip:{options.model},{tower.activation},{output}"
    encoder = FrozenEncoder(name, _trunk(tower.module, options), transform, options.pool, options.class_token)
    encoder.origin = tower.origin
    return encoder


def _trunk(tower: nn.Module, options: OpenClipOptions) -> Trunk:
    if options.output == "projected":
        return ProjectedTrunk(tower)
    if isinstance(tower, ModifiedResNet):
        return ResNetTrunk(tower)
    if isinstance(tower, VisionTransformer):
        _check_norm(tower, options)
        return TransformerTrunk(tower, options.norm == "after")
    if isinstance(tower, TimmModel):
        return TimmTrunk(tower.trunk)
    raise MultigraftError(
        f"encoder open-clip: {options.model} has a trunk of type {type(tower).__name__}; "
        "grid tokens can be had from its ResNets, vision transformers and timm trunks"
    )


def _check_norm(tower: Any, options: OpenClipOptions) -> None:
    if options.norm == "after" and tower.attn_pool is not None:
        raise OptionError(
            ("norm",),
            f"encoder open-clip: {options.model} pools by attention before its final norm",
            "say `norm: before`",
        )
