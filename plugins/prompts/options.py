"""Options of the built-in prompt generators."""

from typing import ClassVar, Literal

from pydantic import Field

from multigraft import PromptOptions


class LinearOptions(PromptOptions):
    """The VL-Adapter projection: features, boxes and orders to the backbone's width."""

    tokens: int = Field(36, ge=1, le=65_536)
    """Cells of an image's grid after pooling, at most; a square number keeps a square grid a grid. Of a clip of sound
    its tokens after pooling over time."""
    frame_tokens: int = Field(1, ge=1, le=65_536)
    """Cells of the grid of a video's frame after pooling, at most."""
    class_token: Literal["keep", "drop"] = "keep"
    """Whether the encoder's class and register tokens, if it has any, stand before the cells of each picture, beside
    `tokens` or `frame_tokens` and never pooled with them, or are left out."""
    frames: int = Field(64, ge=1, le=65_536)
    """Most frames of a video; longer ones are pooled over time."""
    images: int = Field(2, ge=1, le=65_536)
    """Most images of a sample; most clips of sound, where `modality` is that of sound."""
    image_code: float = Field(0.02, gt=0, le=10)
    """Standard deviation of the images' codes at the start. At 0.02 (reference) the first and the second image of a
    sample look alike until training has moved the codes apart; a wider start tells them apart at once."""
    pool: Literal["max", "mean"] = "max"
    """How tokens are pooled."""
    boxes: Literal["grid", "zero", "none"] = "grid"
    """Box of each token: its cell of the grid, all zeros as in the reference for grid features, or no box branch. With
    `grid`, class and register tokens have no box, and tokens that form no grid after pooling the zero box."""
    position: Literal["trained", "random", "words"] = "trained"
    """Code of a token's place: a trained table, a frozen random one, or the last rows of the word table (reference)."""


class LearnedOptions(PromptOptions):
    """Prompt tuning: trained tokens that every text gets, in front of it if nothing else is said; no media."""

    reads_media: ClassVar[bool] = False
    tokens: int = Field(20, ge=1, le=65_536)
    """Tokens of the prompt."""
    hidden: int | None = Field(None, ge=1, le=2**20)
    """Width between two linear layers with a tanh that make the tokens from a table of the backbone's width; without
    it they are trained themselves."""
    place: Literal["front", "back"] | None = "front"
    """In front of the tokens or behind them."""


class PoolOptions(PromptOptions):
    """All media of a sample as one row of tokens, pooled to a fixed number."""

    tokens: int = Field(16, ge=1, le=65_536)
    """Tokens of a sample after pooling, at most, however many pictures or frames it has."""
    pool: Literal["max", "mean"] = "mean"
    """How tokens are pooled."""


class ReadingOptions(PromptOptions):
    """Base of generators that read the media by attention."""

    heads: int = Field(12, ge=1, le=1024)
    """Heads of the attention."""
    inner: int | None = Field(None, ge=1, le=65_536)
    """Width of queries, keys and values together; the backbone's if left out."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of the attention's map that is dropped in training."""
    item_codes: int = Field(64, ge=0, le=65_536)
    """Trained codes that tell the first, second, ... picture, frame or clip of a sample apart; items behind the last
    code have that too, and with 0 items are not told apart."""


class ResamplerOptions(ReadingOptions):
    """Trained queries that read the media in several layers, as in Perceivers and Q-Formers."""

    tokens: int = Field(16, ge=1, le=65_536)
    """Queries, which are the tokens of the prompt."""
    depth: int = Field(2, ge=1, le=64)
    """Layers of attention and feed-forward."""
    expansion: int = Field(4, ge=1, le=64)
    """Width of the feed-forward, in widths of the backbone."""
    text: bool = False
    """Whether the queries read the states of the text too, where the prompt joins it."""
    places: bool = True
    """Trained codes of the tokens' places in their picture, frame or clip."""


class DynamicOptions(ReadingOptions):
    """What the text's state reads of the media where the prompt joins it (Dynamic Visual Prompting)."""

    query: Literal["first", "mean", "padded-mean", "last", "text"] | None = None
    """The state that asks: that of the first token (BERT's [CLS]), the mean over the text's tokens (`padded-mean`
    counts padding, as the reference does for T5), that of the last, or that of each token, for as many prompts. If
    left out, as the backbone tells a text in one state."""
    modality_codes: bool = False
    """Trained codes of the two modalities, added to the text's states and to the prompt where they join. Nothing can be
    decoded in the stack that is joined: its tasks classify."""
