"""Any timm model as a frozen visual encoder."""

from typing import Any, Literal

from torch import Tensor

from multigraft import MultigraftError, Transform
from multigraft.plugins.encoders.grid import FrozenEncoder, Grid, Trunk, grid_of_cells, grid_of_sequence
from multigraft.plugins.encoders.options import TimmOptions
from multigraft.plugins.encoders.pre_norm_stack import PreNormStack
from multigraft.plugins.encoders.timm_stack import timm_stack
from multigraft.plugins.encoders.timm_weights import load_model

_FITS: dict[str, Literal["stretch", "crop", "pad"]] = {"center": "crop", "squash": "stretch", "border": "pad"}


class TimmTrunk(Trunk):
    """A timm model without its head; gives its last features as a grid.

    Raises:
        MultigraftError: the model cannot do without pooling.
    """

    def __init__(self, model: Any) -> None:
        try:
            model.reset_classifier(0, "")
        except AssertionError as error:
            raise MultigraftError(f"encoder timm: {type(model).__name__} has no grid of features ({error})") from None
        super().__init__(model)
        has_class_token = getattr(model, "cls_token", None) is not None
        self.prefix: int = getattr(model, "num_prefix_tokens", int(has_class_token))
        self.sides: tuple[int, int] | None = getattr(getattr(model, "patch_embed", None), "grid_size", None)
        self.channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"

    def forward(self, x: Tensor) -> Grid:
        """Normalised pictures `(pictures, 3, size, size)` to their grid."""
        features: Tensor = self.model.forward_features(x)
        if not isinstance(features, Tensor):
            raise ValueError("its last features are no single grid")
        if features.ndim == 3:
            return self.grid(features)
        return grid_of_cells(features.permute(0, 3, 1, 2) if self.channels_last else features)

    def stack(self) -> PreNormStack | None:
        """The blocks of a plain vision transformer."""
        return timm_stack(self.model)

    def grid(self, states: Tensor) -> Grid:
        """A sequence of tokens as a grid."""
        return grid_of_sequence(states, self.prefix, self.sides)


def build(options: TimmOptions) -> FrozenEncoder:
    """The encoder of `{kind: timm, model: NAME, weights: ...}`.

    Raises:
        MultigraftError: unknown model or weights, or weights that do not fit the model.
    """
    loaded = load_model(options)
    model: Any = loaded.model
    config = model.pretrained_cfg
    transform = Transform(
        size=options.size or config["input_size"][-1],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
        fit=options.fit or _FITS.get(config["crop_mode"], "crop"),
    )
    encoder = FrozenEncoder(f"timm:{options.model}", TimmTrunk(model), transform, options.pool, options.class_token)
    encoder.origin = loaded.origin
    return encoder
