"""Options of the inputs."""

from typing import Literal

from pydantic import Field

from multigraft import Options


class ImageOptions(Options):
    """JPEG, PNG and WebP."""

    max_pixels: int = Field(89_478_485, ge=1)
    """Width times height, at most; checked before decoding."""
    scaled: bool = False
    """Whether a JPEG of at least twice the size wanted is decoded at a half, a quarter or an eighth of its sides, no
    smaller than wanted: several times faster, to other pixels."""


class VideoOptions(Options):
    """Videos in mp4, mov, mkv, webm, avi and MPEG-TS."""

    frames: int = Field(8, ge=1, le=1024)
    """Frames taken from a clip, at most: those shown at so many times, each once; a clip that shows fewer gives
    fewer."""
    sampling: Literal["uniform", "fps"] = "uniform"
    """`uniform` spreads the times evenly, both ends of the clip or span included; `fps` takes so many a second, and is
    uniform where they would be more than `frames`. At a time the latest frame is shown that is not after it."""
    fps: float = Field(1.0, gt=0)
    """Frames a second, with `sampling: fps`."""
    decoder: Literal["auto", "decord", "pyav"] = "auto"
    """`auto` and `decord` take decord where it is known to be right and to need little memory (short mp4 or mov clips
    without edit list or turning), else PyAV; `auto` does without decord where it is not installed."""
    max_pixels: int = Field(4096 * 2304, ge=1)
    """Width times height of a frame, at most; checked before decoding."""
    max_seconds: float = Field(3600.0, gt=0)
    """Length of a clip, at most."""


class AudioOptions(Options):
    """Sound in WAV and FLAC, all channels as one. How much of it is read, and how, the encoder says."""

    max_seconds: float = Field(3600.0, gt=0)
    """Length of a file, at most. What is read of it, all or a span, may be no longer than the encoder's `seconds`."""
