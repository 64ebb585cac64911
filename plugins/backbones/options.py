"""Options of the built-in backbones."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from multigraft import BackboneOptions, SourceText, weight_source


class PretrainedOptions(BackboneOptions):
    """A transformers model: from a hub id, a local folder, or an architecture with random weights."""

    schemes: ClassVar[tuple[str, ...]] = ("hub", "path", "package", "random")
    """Where its weights may come from."""
    reads_gguf: ClassVar[bool] = False
    """Whether they may be a GGUF file."""
    weights: Annotated[str, SourceText()]
    """`hub:NAME@REVISION`, `path:DIR`, `package:NAME` of an installed package, or `random`, which must be said."""
    allow_pickle_weights: bool = False
    """Whether `weights` may be pickled tensors instead of safetensors; nothing in them is run."""
    quantized: Literal[8, 4] | None = None
    """Bits that the weights of the layers' projections are kept in; if left out, 32. Needs `multigraft[quantized]`."""
    architecture: dict[str, Any] = Field(default_factory=dict)
    """Fields of the model's transformers config; with `random`, over the family's defaults."""
    extra_tokens: int = Field(0, ge=0, le=65_536)
    """Rows put behind the word table, frozen random numbers that no text has: VL-T5's places of visual tokens, which
    `position: words` of a prompt reads from the end of the table."""
    tokenizer: Annotated[str, SourceText()] | None = None
    """As `weights`; if left out, that of the weights."""
    seed: int = Field(0, ge=0)
    """Seed of random weights."""

    @field_validator("weights")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        weight_source(value, cls.schemes)
        return cls._no_strange_file(value)

    @field_validator("tokenizer")
    @classmethod
    def _known_tokenizer(cls, value: str | None) -> str | None:
        if value is not None:
            weight_source(value, tuple(scheme for scheme in cls.schemes if scheme != "random"))
            cls._no_strange_file(value)
        return value

    @classmethod
    def _no_strange_file(cls, value: str) -> str:
        if value.endswith(".gguf") and not cls.reads_gguf:
            raise ValueError("GGUF files are read by `kind: decoder` alone")
        return value


class BartOptions(PretrainedOptions):
    """BART (Lewis et al. 2020)."""


class T5Options(PretrainedOptions):
    """T5 (Raffel et al. 2020) and its relatives with the same architecture."""


class DecoderOptions(PretrainedOptions):
    """A decoder-only model: Llama, Mistral, Qwen2, Qwen3 or GPT-2, as its config says; with random weights as
    `model_type` in `architecture` says, and a Llama if left out.
    """

    reads_gguf: ClassVar[bool] = True
    weights: Annotated[str, SourceText()]
    """`hub:NAME@REVISION`, `path:DIR`, `path:FILE.gguf`, `package:NAME` of an installed package, or `random`, which
    must be said."""
    texts: Literal["plain", "ended", "chat"] = "plain"
    """What stands around a text: `plain` the token that begins one in front; `ended` an end token behind it too; `chat`
    the tokenizer's chat template, in which it is a user's turn and the target the assistant's."""


class BertOptions(PretrainedOptions):
    """BERT (Devlin et al. 2019); it reads texts and predicts no targets, so tasks need an objective with a head.

    Weights may lack the masked-language-model head. A pooler and a next-sentence head are left out.
    """

    form: Literal["encoder", "decoder"] = "encoder"
    """`decoder` reads from left to right and predicts targets; its cross-attention, which the weights must have, reads
    prompts that say `layer: memory`."""


class SaplingOptions(BackboneOptions):
    """A BART of 3.4 M parameters that comes with multigraft; for quickstarts and tests."""

    weights: str = "package"
    """`package` for the weights that come with multigraft, or `random`."""
    seed: int = Field(0, ge=0)
    """Seed of random weights."""

    @field_validator("weights")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ("package", "random"):
            raise ValueError("weights are `package` or `random`")
        return value
