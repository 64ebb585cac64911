"""Options of this plugin's components. Nothing heavy is imported here: recipes are checked with it."""

from typing import Literal

from pydantic import Field

from multigraft import (
    AdapterOptions,
    BackboneOptions,
    EncoderOptions,
    EvaluatorOptions,
    ObjectiveOptions,
    Options,
    PromptOptions,
    SamplerOptions,
    SearchStrategyOptions,
    SourceOptions,
    TaskOptions,
    VideoDecoderOptions,
)


class PatchColoursOptions(EncoderOptions):
    """The mean colour of each patch of a picture, through a fixed random map."""

    weights: Literal["random"] = "random"
    """The map is always random."""
    size: int = Field(32, ge=1)
    """Side that pictures are brought to, in pixels."""
    side: int = Field(4, ge=1)
    """Patches in a row and in a column."""
    width: int = Field(16, ge=1)
    """Of a token."""
    seed: int = Field(0, ge=0)
    """Seed of the map."""


class NoteTableOptions(EncoderOptions):
    """A fixed random vector for each pitch of a tune."""

    weights: Literal["random"] = "random"
    """The vectors are always random."""
    most: int = Field(32, ge=1)
    """Notes of a tune, at most."""
    width: int = Field(16, ge=1)
    """Of a token."""
    seed: int = Field(0, ge=0)
    """Seed of the vectors."""


class ByteDecoderOptions(BackboneOptions):
    """A small decoder-only transformer over bytes, with random weights."""

    width: int = Field(32, ge=2, multiple_of=2)
    """Of its states."""
    layers: int = Field(2, ge=1)
    """Layers."""
    heads: int = Field(2, ge=1)
    """Of its attention."""
    seed: int = Field(0, ge=0)
    """Seed of the weights."""


class MeanTokenOptions(PromptOptions):
    """One token for each medium: the mean of the encoder's tokens, mapped to the backbone's width."""


class ChannelScaleOptions(AdapterOptions):
    """Multiplies each channel of a block's output by a learned factor."""

    start: float = 1.0
    """Value that the factors start from."""


class FirstLetterGroupsOptions(Options):
    """Tasks whose names begin with the same letter share everything."""


class WordOrderOptions(ObjectiveOptions):
    """Tells whether the tokens of a text stand in their order, or were shuffled."""

    share: float = Field(0.5, gt=0.0, lt=1.0)
    """Share of the texts that are shuffled."""


class TwoTriesOptions(EvaluatorOptions):
    """The likelier of the greedy output and that of a beam search."""

    beams: int = Field(3, ge=2, le=64)
    """Beams of the second try."""
    max_tokens: int = Field(20, ge=1, le=1024)
    """Longest output, in tokens."""


class NotesOptions(Options):
    """Tunes as text: the pitches of their notes, 0 to 127, as in MIDI."""


class MotionJpegOptions(VideoDecoderOptions):
    """Clips of cameras that write each picture as a JPEG."""


class ImageColourOptions(TaskOptions):
    """Asks the same question about every image: its colour."""

    prefix: str = "colour: "
    """Text put before the question."""


class LengthRatioOptions(Options):
    """Words of the outputs divided by words of the references."""


class FirstAloneOptions(SamplerOptions):
    """The first task alone for some steps, then all in equal shares."""

    steps: int = Field(10, ge=0)
    """Steps of the first task alone."""


class GreedyOptions(SearchStrategyOptions):
    """The best value so far, or now and then any."""

    explored: float = Field(0.2, ge=0, le=1)
    """Share of the draws that take any value."""


class QuestionLinesOptions(SourceOptions):
    """Lines of text such as `tune.notes: up or down? up`: a medium, a question, and the word that answers it."""


class PlainLinesOptions(Options):
    """The id of a question and its answer in each line."""

    separator: str = ": "
    """What stands between them."""


class NewestOptions(Options):
    """The scalars of the newest step in one file, for a display that looks at it."""

    file: str = "newest.json"
    """Its name in the run folder."""


class ThreadsOptions(Options):
    """Workers in threads of this process."""

    workers: int = Field(2, ge=1)
    """How many."""
